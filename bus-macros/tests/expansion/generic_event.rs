pub enum Changed<T: Clone = u8, const N: usize = 1>
where
    T: Eq,
{
    Put(T),
    Removed([T; N]),
}
const _: () = {
    use ::facade::messaging::__private as __bus;
    #[automatically_derived]
    impl<T: Clone + __bus::Send + __bus::Sync + 'static, const N: usize> __bus::Message
    for Changed<T, N>
    where
        T: Eq,
    {
        type Kind = __bus::kind::Event;
        const INFO: &'static __bus::MessageInfo = {
            #[allow(unused_imports)]
            use __bus::probe::{
                NotClassify as _, NotClone as _, NotDebug as _, NotJson as _,
                NotText as _, NotValidate as _,
            };
            &__bus::MessageInfo::new::<
                Self,
            >(
                __bus::MessageMeta {
                    name: __bus::Name::OfType,
                    category: __bus::Category::Domain,
                    version: 2u32,
                    timeout: __bus::Option::None,
                    attempt_timeout: __bus::Option::None,
                    retry: __bus::Option::None,
                    circuit_breaker: __bus::Option::None,
                    order: __bus::Option::None,
                    ttl: __bus::Option::None,
                    file: ::core::file!(),
                    line: ::core::line!(),
                },
                __bus::Capabilities {
                    clone: __bus::probe::Probe::<Self>::CLONE,
                    debug: __bus::probe::Probe::<Self>::DEBUG,
                    debug_with: __bus::probe::Probe::<Self>::DEBUG_WITH,
                    clone_into: __bus::probe::Probe::<Self>::CLONE_INTO,
                    validate: __bus::probe::Probe::<Self>::VALIDATE,
                    json: __bus::probe::Probe::<Self>::JSON,
                    error_text: __bus::probe::Probe::<()>::TEXT,
                    error_class: __bus::probe::Probe::<()>::CLASS,
                },
            )
        };
    }
};
