pub enum Changed<T: Clone = u8, const N: usize = 1>
where
    T: Eq,
{
    Put(T),
    Removed([T; N]),
}
const _: () = {
    use ::facade::messaging as __bus;
    #[automatically_derived]
    impl<
        T: Clone + __bus::__private::Send + __bus::__private::Sync + 'static,
        const N: usize,
    > __bus::Message for Changed<T, N>
    where
        T: Eq,
    {
        type Kind = __bus::__private::kind::Event;
        const INFO: &'static __bus::__private::MessageInfo = {
            #[allow(unused_imports)]
            use __bus::__private::probe::{NotClone as _, NotDebug as _, NotText as _};
            &__bus::__private::MessageInfo::new::<
                Self,
            >(
                __bus::__private::MessageMeta {
                    name: __bus::__private::Name::OfType,
                    category: __bus::__private::Category::Domain,
                    version: 2u32,
                    timeout: __bus::__private::Option::None,
                    file: ::core::file!(),
                    line: ::core::line!(),
                },
                __bus::__private::Capabilities {
                    clone: __bus::__private::probe::Probe::<Self>::CLONE,
                    debug: __bus::__private::probe::Probe::<Self>::DEBUG,
                    error_text: __bus::__private::probe::Probe::<()>::TEXT,
                },
            )
        };
    }
};
