async fn fake(_: &SignUp) -> Result<UserId, Error> {
    Ok(UserId(7))
}
/// The handler [`fake`](fn@fake) as a type: what names it to `Builder::without`, `Builder::configure` and `Bus::register`.
#[allow(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    missing_copy_implementations,
    clippy::empty_structs_with_brackets
)]
struct fake {}
const _: () = {
    use ::bus::__private as __bus;
    #[allow(unused_imports)]
    use __bus::Unclassed as _;
    type __Written = SignUp;
    type __Reply = Result<UserId, Error>;
    fn __require(requirements: &mut __bus::Requirements) {}
    static __SLOT: __bus::SlotOf<<__Written as __bus::MessageRef>::Message> = __bus::Slot::Future(|
        message,
        cx|
    __bus::running(async move {
        let reply = fake(
                ::core::borrow::Borrow::<
                    <__Written as __bus::MessageRef>::Message,
                >::borrow(&message),
            )
            .await;
        __bus::Reply::<__Reply>::note_class(&reply, cx.get());
        __bus::Result::Ok(
            <__Reply as __bus::IntoOutcome<
                <<__Written as __bus::MessageRef>::Message as __bus::Message>::Kind,
            >>::into_outcome(reply),
        )
    }));
    static __ENTRY: __bus::HandlerEntry = __bus::HandlerEntry::new::<
        <__Written as __bus::MessageRef>::Message,
    >(
        __bus::HandlerMeta {
            name: "fake",
            module: ::core::module_path!(),
            file: ::core::file!(),
            line: ::core::line!(),
            column: ::core::column!(),
            priority: 0i32,
            timeout: __bus::Option::None,
            attempt_timeout: __bus::Option::None,
            retry: __bus::Option::None,
            circuit_breaker: __bus::Option::None,
            concurrency: __bus::Option::None,
            batch: __bus::Option::None,
            filter: __bus::Option::None,
            middleware: &[],
            takes: __bus::Takes::Borrowed,
            manual: true,
        },
        &__SLOT,
        __require,
    );
    impl __bus::HandlerType for fake {
        const ENTRY: &'static __bus::HandlerEntry = &__ENTRY;
    }
};
