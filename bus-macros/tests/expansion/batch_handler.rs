async fn store(events: &[Arc<Paid>], db: &Res<Db>) -> Result<BatchOutcome, DbError> {}
/// The handler [`store`](fn@store) as a type: what names it to `Builder::without`, `Builder::configure` and `Bus::register`.
#[allow(
    non_camel_case_types,
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    missing_copy_implementations,
    clippy::empty_structs_with_brackets
)]
struct store {}
const _: () = {
    use ::bus::__private as __bus;
    #[allow(unused_imports)]
    use __bus::Unclassed as _;
    type __Written = Arc<Paid>;
    type __Reply = Result<BatchOutcome, DbError>;
    const _: () = {
        #[doc(hidden)]
        #[allow(non_camel_case_types, missing_debug_implementations, unreachable_pub)]
        pub struct store {}
        impl __bus::HandledBy<store> for <__Written as __bus::BatchItem>::Message {}
        const _: () = __bus::a_command_has_exactly_one_handler::<
            <__Written as __bus::BatchItem>::Message,
            _,
        >();
    };
    const _: () = <__bus::Batching as __bus::BatchesEvents<
        <<__Written as __bus::BatchItem>::Message as __bus::Message>::Kind,
        <__Written as __bus::BatchItem>::Message,
    >>::CHECK;
    fn __require(requirements: &mut __bus::Requirements) {
        <&Res<Db> as __bus::Param<'_>>::require(requirements);
    }
    static __SLOT: __bus::BatchSlotOf<<__Written as __bus::BatchItem>::Message> = __bus::Slot::Future(|
        message,
        cx|
    __bus::running(async move {
        let p0 = <&Res<Db> as __bus::Param<'_>>::extract(cx.get())?;
        let reply = store(message.events(), p0).await;
        __bus::Reply::<__Reply>::note_class(&reply, cx.get());
        __bus::Result::Ok(<__Reply as __bus::IntoBatchOutcome>::into_outcome(reply))
    }));
    static __ENTRY: __bus::HandlerEntry = __bus::HandlerEntry::batch::<
        <__Written as __bus::BatchItem>::Message,
    >(
        __bus::HandlerMeta {
            name: "store",
            module: ::core::module_path!(),
            file: ::core::file!(),
            line: ::core::line!(),
            column: ::core::column!(),
            priority: 0i32,
            timeout: __bus::Option::None,
            attempt_timeout: __bus::Option::None,
            retry: __bus::Option::None,
            circuit_breaker: __bus::Option::None,
            concurrency: __bus::NonZeroU32::new(2u32),
            batch: __bus::NonZeroU32::new(100u32),
            filter: __bus::Option::None,
            middleware: &[],
            takes: __bus::Takes::Borrowed,
            manual: false,
        },
        &__SLOT,
        __require,
    );
    impl __bus::HandlerType for store {
        const ENTRY: &'static __bus::HandlerEntry = &__ENTRY;
    }
    __bus::inventory::submit! {
        __bus::Registered(& __ENTRY)
    }
};
