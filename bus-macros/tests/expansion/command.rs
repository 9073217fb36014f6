pub struct SignUp {
    pub email: String,
}
const _: () = {
    use ::bus as __bus;
    #[automatically_derived]
    impl __bus::Message for SignUp {
        type Kind = __bus::__private::kind::Command<UserId, SignUpError>;
        const INFO: &'static __bus::__private::MessageInfo = {
            #[allow(unused_imports)]
            use __bus::__private::probe::{NotClone as _, NotDebug as _, NotText as _};
            &__bus::__private::MessageInfo::new::<
                Self,
            >(
                __bus::__private::MessageMeta {
                    name: __bus::__private::Name::Is(
                        ::core::concat!(::core::module_path!(), "::", "SignUp"),
                    ),
                    category: __bus::__private::Category::Create,
                    version: 1u32,
                    timeout: __bus::__private::Option::Some(
                        __bus::__private::Duration::new(1u64, 500000000u32),
                    ),
                    file: ::core::file!(),
                    line: ::core::line!(),
                },
                __bus::__private::Capabilities {
                    clone: __bus::__private::probe::Probe::<Self>::CLONE,
                    debug: __bus::__private::probe::Probe::<Self>::DEBUG,
                    error_text: __bus::__private::probe::Probe::<SignUpError>::TEXT,
                },
            )
        };
    }
    __bus::__private::inventory::submit! {
        __bus::__private::MessageEntry::of:: < SignUp > ()
    }
};
