fn large(event: &Uploaded) {}
/// The handler [`large`](fn@large) as a type: what names it to `Builder::without`, `Builder::configure` and `Bus::register`.
#[allow(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    missing_copy_implementations,
    clippy::empty_structs_with_brackets
)]
struct large {}
const _: () = {
    use ::bus::__private as __bus;
    type __Written = Uploaded;
    type __Reply = ();
    const _: () = {
        #[doc(hidden)]
        #[allow(non_camel_case_types, missing_debug_implementations, unreachable_pub)]
        pub struct large {}
        impl __bus::HandledBy<large> for <__Written as __bus::MessageRef>::Message {}
        const _: () = __bus::a_command_has_exactly_one_handler::<
            <__Written as __bus::MessageRef>::Message,
            _,
        >();
    };
    const _: () = <__bus::Filter as __bus::FiltersEvents<
        <<__Written as __bus::MessageRef>::Message as __bus::Message>::Kind,
        <__Written as __bus::MessageRef>::Message,
    >>::CHECK;
    fn __require(requirements: &mut __bus::Requirements) {}
    static __SLOT: __bus::SlotOf<<__Written as __bus::MessageRef>::Message> = __bus::Slot::Plain(|
        message,
        cx|
    {
        let reply = large(
            ::core::borrow::Borrow::<
                <__Written as __bus::MessageRef>::Message,
            >::borrow(&message),
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
            name: "large",
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
            filter: __bus::Option::Some(__bus::FilterFn {
                name: "rules::is_large",
                accepts: rules::is_large,
            }),
            middleware: &[],
            takes: __bus::Takes::Borrowed,
            manual: false,
        },
        &__SLOT,
        __require,
    );
    impl __bus::HandlerType for large {
        const ENTRY: &'static __bus::HandlerEntry = &__ENTRY;
    }
    __bus::inventory::submit! {
        __bus::Registered(& __ENTRY)
    }
};
