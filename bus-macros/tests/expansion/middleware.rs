pub(crate) async fn audit(call: &mut Call<'_>, next: Next, log: &Res<Log>) -> Handled {}
/// The middleware [`audit`](fn@audit) as a type: what names it to `#[handler(middleware = audit)]`, and as `audit {}` to `Builder::middleware`.
#[allow(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    missing_copy_implementations,
    clippy::empty_structs_with_brackets
)]
pub(crate) struct audit {}
const _: () = {
    use ::bus::__private as __bus;
    #[automatically_derived]
    impl ::core::default::Default for audit {
        fn default() -> Self {
            audit {}
        }
    }
    #[automatically_derived]
    impl __bus::Middleware for audit {
        fn handle<'s, 'a, 'c, 'f>(
            &'s self,
            call: &'a mut __bus::Call<'c>,
            next: __bus::Next,
        ) -> __bus::BoxFuture<'f, __bus::Handled>
        where
            's: 'f,
            'a: 'f,
            'c: 'f,
        {
            __bus::Box::pin(async move {
                let p0 = match <&Res<Log> as __bus::Param<'_>>::extract(call.context()) {
                    __bus::Result::Ok(p0) => p0,
                    __bus::Result::Err(why) => return call.reject(why),
                };
                audit(call, next, p0).await
            })
        }
        fn require(&self, requirements: &mut __bus::Requirements) {
            <&Res<Log> as __bus::Param<'_>>::require(requirements);
        }
        fn name(&self) -> ::std::borrow::Cow<'static, str> {
            ::std::borrow::Cow::Borrowed("audit")
        }
        fn placed(self) -> __bus::Layer {
            __bus::Layer::linked(self, __bus::On::Commands, 10i32, true)
        }
    }
    __bus::inventory::submit! {
        __bus::AroundEntry:: < __bus::MakeLayer > { make : < audit as __bus::OwnLayer >
        ::own_layer, name : "audit", module : ::core::module_path!(), file :
        ::core::file!(), line : ::core::line!(), column : ::core::column!(), priority :
        0, }
    }
};
