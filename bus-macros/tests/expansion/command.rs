pub struct SignUp {
    pub email: String,
}
const _: () = {
    use ::bus::__private as __bus;
    #[automatically_derived]
    impl __bus::Message for SignUp {
        type Kind = __bus::kind::Command<UserId, SignUpError>;
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
                    name: __bus::Name::Is(
                        ::core::concat!(::core::module_path!(), "::", "SignUp"),
                    ),
                    category: __bus::Category::Create,
                    version: 1u32,
                    timeout: __bus::Option::Some(
                        __bus::Duration::new(1u64, 500000000u32),
                    ),
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
                    error_text: __bus::probe::Probe::<SignUpError>::TEXT,
                    error_class: __bus::probe::Probe::<SignUpError>::CLASS,
                },
            )
        };
    }
    __bus::inventory::submit! {
        __bus::MessageEntry::of:: < SignUp > ()
    }
};
