pub(crate) async fn sign_up<'a>(
    command: SignUp,
    users: &'a Res<Users>,
    cx: &Context,
) -> Result<UserId, SignUpError> {
    users.add(command)
}
/// The handler [`sign_up`](fn@sign_up) as a type: what names it to `Builder::without`, `Builder::configure` and `Bus::register`.
#[allow(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    missing_copy_implementations,
    clippy::empty_structs_with_brackets
)]
pub(crate) struct sign_up {}
const _: () = {
    use ::bus::__private as __bus;
    #[allow(unused_imports)]
    use __bus::Unclassed as _;
    type __Written = SignUp;
    type __Reply = Result<UserId, SignUpError>;
    const _: () = {
        #[doc(hidden)]
        #[allow(non_camel_case_types, missing_debug_implementations, unreachable_pub)]
        pub struct sign_up {}
        impl __bus::HandledBy<sign_up> for <__Written as __bus::MessageOf>::Message {}
        const _: () = __bus::a_command_has_exactly_one_handler::<
            <__Written as __bus::MessageOf>::Message,
            _,
        >();
    };
    fn __require(requirements: &mut __bus::Requirements) {
        <&'_ Res<Users> as __bus::Param<'_>>::require(requirements);
        <&Context as __bus::Param<'_>>::require(requirements);
    }
    static __SLOT: __bus::SlotOf<<__Written as __bus::MessageOf>::Message> = __bus::Slot::Future(|
        message,
        cx|
    __bus::running(async move {
        let p0 = <&'_ Res<Users> as __bus::Param<'_>>::extract(cx.get())?;
        let p1 = <&Context as __bus::Param<'_>>::extract(cx.get())?;
        let reply = sign_up(
                <__Written as __bus::TakeFrom<
                    __bus::Carrier<<__Written as __bus::MessageOf>::Message>,
                >>::take(message),
                p0,
                p1,
            )
            .await;
        __bus::Reply::<__Reply>::note_class(&reply, cx.get());
        __bus::Result::Ok(
            <__Reply as __bus::IntoOutcome<
                <<__Written as __bus::MessageOf>::Message as __bus::Message>::Kind,
            >>::into_outcome(reply),
        )
    }));
    static __ENTRY: __bus::HandlerEntry = __bus::HandlerEntry::new::<
        <__Written as __bus::MessageOf>::Message,
    >(
        __bus::HandlerMeta {
            name: "sign_up",
            module: ::core::module_path!(),
            file: ::core::file!(),
            line: ::core::line!(),
            column: ::core::column!(),
            priority: -5i32,
            timeout: __bus::Option::Some(__bus::Duration::new(5u64, 0u32)),
            attempt_timeout: __bus::Option::None,
            retry: __bus::Option::None,
            circuit_breaker: __bus::Option::None,
            concurrency: __bus::Option::None,
            batch: __bus::Option::None,
            filter: __bus::Option::None,
            middleware: &[],
            takes: <__Written as __bus::MessageOf>::TAKES,
            manual: false,
        },
        &__SLOT,
        __require,
    );
    impl __bus::HandlerType for sign_up {
        const ENTRY: &'static __bus::HandlerEntry = &__ENTRY;
    }
    __bus::inventory::submit! {
        __bus::Registered(& __ENTRY)
    }
};
