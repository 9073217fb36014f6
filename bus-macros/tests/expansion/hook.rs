fn ended(call: &HookCall<'_>, ended: &Ended<'_>) {}
const _: () = {
    use ::bus::__private as __bus;
    __bus::inventory::submit! {
        __bus::AroundEntry:: < __bus::MakeHook > { make : ||
        __bus::Arc::new(__bus::HookFn { name : "ended", on : __bus::On::Message(< Paid as
        __bus::Message > ::INFO), tells : __bus::Tells::After(ended), }), name : "ended",
        module : ::core::module_path!(), file : ::core::file!(), line : ::core::line!(),
        column : ::core::column!(), priority : 0i32, }
    }
};
