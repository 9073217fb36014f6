fn count(event: &SignedUp, counter: Res<Counter>) {}
/// The handler [`count`](fn@count) as a type: what names it to `Builder::without`, `Builder::configure` and `Bus::register`.
#[allow(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    missing_copy_implementations,
    clippy::empty_structs_with_brackets
)]
struct count {}
const _: () = {
    use ::bus::__private as __bus;
    type __Written = SignedUp;
    type __Reply = ();
    const _: () = {
        #[doc(hidden)]
        #[allow(non_camel_case_types, missing_debug_implementations, unreachable_pub)]
        pub struct count {}
        impl __bus::HandledBy<count> for <__Written as __bus::MessageRef>::Message {}
        const _: () = __bus::a_command_has_exactly_one_handler::<
            <__Written as __bus::MessageRef>::Message,
            _,
        >();
    };
    fn __require(requirements: &mut __bus::Requirements) {
        <Res<Counter> as __bus::Param<'_>>::require(requirements);
    }
    static __SLOT: __bus::SlotOf<<__Written as __bus::MessageRef>::Message> = __bus::Slot::Plain(|
        message,
        cx|
    {
        let p0 = <Res<Counter> as __bus::Param<'_>>::extract(cx)?;
        let reply = count(
            ::core::borrow::Borrow::<
                <__Written as __bus::MessageRef>::Message,
            >::borrow(&message),
            p0,
        );
        __bus::Result::Ok(
            <__Reply as __bus::IntoOutcome<
                <<__Written as __bus::MessageRef>::Message as __bus::Message>::Kind,
            >>::into_outcome(reply),
        )
    });
    static __ENTRY: __bus::HandlerEntry = __bus::HandlerEntry::new::<
        <__Written as __bus::MessageRef>::Message,
    >(
        __bus::HandlerMeta {
            name: "count",
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
            manual: false,
        },
        &__SLOT,
        __require,
    );
    impl __bus::HandlerType for count {
        const ENTRY: &'static __bus::HandlerEntry = &__ENTRY;
    }
    __bus::inventory::submit! {
        __bus::Registered(& __ENTRY)
    }
};
