#[derive(Clone)]
pub struct Pay {
    cents: u64,
}
const _: () = {
    use ::bus::__private as __bus;
    #[automatically_derived]
    impl __bus::Message for Pay {
        type Kind = __bus::kind::Command<(), __bus::Error>;
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
                        ::core::concat!(::core::module_path!(), "::", "Pay"),
                    ),
                    category: __bus::Category::Other,
                    version: 1u32,
                    timeout: __bus::Option::Some(__bus::Duration::new(10u64, 0u32)),
                    attempt_timeout: __bus::Option::Some(
                        __bus::Duration::new(1u64, 0u32),
                    ),
                    retry: __bus::Option::Some(__bus::RetryMeta {
                        max_retries: __bus::Option::None,
                        initial_delay: __bus::Option::None,
                        max_delay: __bus::Option::None,
                        exponential_base: __bus::Option::None,
                        jitter: __bus::Option::None,
                    }),
                    circuit_breaker: __bus::Option::Some(__bus::BreakerMeta {
                        name: __bus::Option::Some("bank"),
                        failure_threshold: __bus::Option::None,
                        failure_ratio: __bus::Option::None,
                        window_size: __bus::Option::Some(
                            __bus::Duration::new(30u64, 0u32),
                        ),
                        recovery_timeout: __bus::Option::None,
                        success_threshold: __bus::Option::None,
                    }),
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
                    error_text: __bus::probe::Probe::<__bus::Error>::TEXT,
                    error_class: __bus::probe::Probe::<__bus::Error>::CLASS,
                },
            )
        };
    }
    __bus::inventory::submit! {
        __bus::MessageEntry::of:: < Pay > ()
    }
};
