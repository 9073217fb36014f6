async fn pay(command: Pay) -> Result<Receipt, PayError> {}
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
    type __Reply = Result<Receipt, PayError>;
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
    const _: () = <__bus::Retrying as __bus::Retries<
        <<__Written as __bus::MessageOf>::Message as __bus::Message>::Kind,
        __Written,
    >>::CHECK;
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
        if let __bus::Option::Some(failure_of_the_handler) = __bus::Reply::<
            __Reply,
        >::failure_of(&reply) {
            let again: bool = PayError::is_transient(failure_of_the_handler);
            cx.get().note_class(__bus::tried_again(again));
        }
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
            attempt_timeout: __bus::Option::Some(
                __bus::Duration::new(0u64, 250000000u32),
            ),
            retry: __bus::Option::Some(__bus::RetryMeta {
                max_retries: __bus::Option::Some(5u32),
                initial_delay: __bus::Option::Some(
                    __bus::Duration::new(0u64, 50000000u32),
                ),
                max_delay: __bus::Option::Some(__bus::Duration::new(10u64, 0u32)),
                exponential_base: __bus::Option::Some(1.5f64),
                jitter: __bus::Option::Some(__bus::Jitter::Spread(0.5f64)),
            }),
            circuit_breaker: __bus::Option::Some(__bus::BreakerMeta {
                name: __bus::Option::None,
                failure_threshold: __bus::Option::Some(5u32),
                failure_ratio: __bus::Option::Some(0.5f64),
                window_size: __bus::Option::None,
                recovery_timeout: __bus::Option::Some(__bus::Duration::new(30u64, 0u32)),
                success_threshold: __bus::Option::Some(2u32),
            }),
            concurrency: __bus::NonZeroU32::new(4u32),
            batch: __bus::Option::None,
            filter: __bus::Option::None,
            middleware: &[],
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
