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
    use ::bus as __bus;
    type __Written = SignUp;
    type __Reply = Result<UserId, Error>;
    fn __require(requirements: &mut __bus::Requirements) {}
    static __SLOT: __bus::__private::SlotOf<
        <__Written as __bus::__private::MessageRef>::Message,
    > = __bus::__private::Slot::Future(|message, cx| __bus::__private::Box::pin(async move {
        let reply = fake(
                ::core::borrow::Borrow::<
                    <__Written as __bus::__private::MessageRef>::Message,
                >::borrow(&message),
            )
            .await;
        __bus::__private::Result::Ok(
            <__Reply as __bus::__private::IntoOutcome<
                <<__Written as __bus::__private::MessageRef>::Message as __bus::Message>::Kind,
            >>::into_outcome(reply),
        )
    }));
    static __ENTRY: __bus::__private::HandlerEntry = __bus::__private::HandlerEntry::new::<
        <__Written as __bus::__private::MessageRef>::Message,
    >(
        __bus::__private::HandlerMeta {
            name: "fake",
            module: ::core::module_path!(),
            file: ::core::file!(),
            line: ::core::line!(),
            column: ::core::column!(),
            priority: 0i32,
            timeout: __bus::__private::Option::None,
            manual: true,
        },
        &__SLOT,
        __require,
    );
    impl __bus::__private::HandlerType for fake {
        const ENTRY: &'static __bus::__private::HandlerEntry = &__ENTRY;
    }
};
