pub struct Paid {
    order: OrderId,
    pub cents: u64,
}
const _: () = {
    use ::bus::__private as __bus;
    #[automatically_derived]
    impl __bus::Message for Paid {
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
                    name: __bus::Name::Is(
                        ::core::concat!(::core::module_path!(), "::", "Paid"),
                    ),
                    category: __bus::Category::Domain,
                    version: 1u32,
                    timeout: __bus::Option::None,
                    attempt_timeout: __bus::Option::None,
                    retry: __bus::Option::None,
                    circuit_breaker: __bus::Option::None,
                    order: __bus::Option::Some(__bus::Order {
                        stream: __bus::Option::Some("orders"),
                        key: __bus::Option::Some(
                            __bus::LaneKey::of::<
                                OrderId,
                            >(
                                "order",
                                |event| __bus::field(event, |event: &Self| &event.order),
                            ),
                        ),
                    }),
                    ttl: __bus::Option::Some(__bus::Duration::new(300u64, 0u32)),
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
    __bus::inventory::submit! {
        __bus::MessageEntry::of:: < Paid > ()
    }
};
