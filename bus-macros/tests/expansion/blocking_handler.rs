fn write(event: Arc<SignedUp>) -> Result<(), io::Error> {
    append(&event)
}
/// The handler [`write`](fn@write) as a type: what names it to `Builder::without`, `Builder::configure` and `Bus::register`.
#[allow(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    missing_copy_implementations,
    clippy::empty_structs_with_brackets
)]
struct write {}
const _: () = {
    use ::bus::__private as __bus;
    #[allow(unused_imports)]
    use __bus::Unclassed as _;
    type __Written = Arc<SignedUp>;
    type __Reply = Result<(), io::Error>;
    const _: () = {
        #[doc(hidden)]
        #[allow(non_camel_case_types, missing_debug_implementations, unreachable_pub)]
        pub struct write {}
        impl __bus::HandledBy<write> for <__Written as __bus::MessageOf>::Message {}
        const _: () = __bus::a_command_has_exactly_one_handler::<
            <__Written as __bus::MessageOf>::Message,
            _,
        >();
    };
    fn __require(requirements: &mut __bus::Requirements) {}
    static __SLOT: __bus::SlotOf<<__Written as __bus::MessageOf>::Message> = __bus::Slot::Blocking(|
        message,
        cx|
    {
        let reply = write(
            <__Written as __bus::TakeFrom<
                __bus::Carrier<<__Written as __bus::MessageOf>::Message>,
            >>::take(message),
        );
        __bus::Reply::<__Reply>::note_class(&reply, cx);
        __bus::Result::Ok(
            <__Reply as __bus::IntoOutcome<
                <<__Written as __bus::MessageOf>::Message as __bus::Message>::Kind,
            >>::into_outcome(reply),
        )
    });
    static __ENTRY: __bus::HandlerEntry = __bus::HandlerEntry::new::<
        <__Written as __bus::MessageOf>::Message,
    >(
        __bus::HandlerMeta {
            name: "audit.write",
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
            takes: <__Written as __bus::MessageOf>::TAKES,
            manual: false,
        },
        &__SLOT,
        __require,
    );
    impl __bus::HandlerType for write {
        const ENTRY: &'static __bus::HandlerEntry = &__ENTRY;
    }
    __bus::inventory::submit! {
        __bus::Registered(& __ENTRY)
    }
};
