async fn pay(command: Pay) -> Result<(), PayError> {}
/// The handler [`pay`](fn@pay) as a type: what names it to `Builder::without`, `Builder::configure` and `Bus::register`.
#[allow(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    missing_copy_implementations,
    clippy::empty_structs_with_brackets
)]
struct pay {}
const _: () = {
    use ::bus::__private as __bus;
    #[allow(unused_imports)]
    use __bus::Unclassed as _;
    type __Written = Pay;
    type __Reply = Result<(), PayError>;
    const _: () = {
        #[doc(hidden)]
        #[allow(non_camel_case_types, missing_debug_implementations, unreachable_pub)]
        pub struct pay {}
        impl __bus::HandledBy<pay> for <__Written as __bus::MessageOf>::Message {}
        const _: () = __bus::a_command_has_exactly_one_handler::<
            <__Written as __bus::MessageOf>::Message,
            _,
        >();
    };
    fn __require(requirements: &mut __bus::Requirements) {}
    static __SLOT: __bus::SlotOf<<__Written as __bus::MessageOf>::Message> = __bus::Slot::Future(|
        message,
        cx|
    __bus::running(async move {
        let reply = pay(
                <__Written as __bus::TakeFrom<
                    __bus::Carrier<<__Written as __bus::MessageOf>::Message>,
                >>::take(message),
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
            name: "pay",
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
            middleware: &[
                <audit as __bus::OwnLayer>::own_layer,
                || __bus::IntoLayer::into_layer(rate_limit(Rate::per_second(5))),
            ],
            takes: <__Written as __bus::MessageOf>::TAKES,
            manual: false,
        },
        &__SLOT,
        __require,
    );
    impl __bus::HandlerType for pay {
        const ENTRY: &'static __bus::HandlerEntry = &__ENTRY;
    }
    __bus::inventory::submit! {
        __bus::Registered(& __ENTRY)
    }
};
