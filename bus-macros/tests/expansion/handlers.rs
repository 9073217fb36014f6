impl Mailer {
    pub fn new() -> Self {
        Self
    }
    #[cfg(feature = "mail")]
    async fn welcome(&self, event: &SignedUp) -> Result<(), MailError> {
        self.send(event).await
    }
    /// Makes another one.
    fn split(&self, _: Split) -> Result<Self, MailError> {
        Ok(Self)
    }
}
#[cfg(feature = "mail")]
const _: () = {
    use ::bus::__private as __bus;
    #[allow(unused_imports)]
    use __bus::Unclassed as _;
    type __Written = SignedUp;
    type __Reply = Result<(), MailError>;
    const _: () = {
        #[doc(hidden)]
        #[allow(non_camel_case_types, missing_debug_implementations, unreachable_pub)]
        pub struct welcome {}
        impl __bus::HandledBy<welcome> for <__Written as __bus::MessageRef>::Message {}
        const _: () = __bus::a_command_has_exactly_one_handler::<
            <__Written as __bus::MessageRef>::Message,
            _,
        >();
    };
    fn __require(requirements: &mut __bus::Requirements) {
        requirements.resource::<Mailer>();
    }
    static __SLOT: __bus::SlotOf<<__Written as __bus::MessageRef>::Message> = __bus::Slot::Future(|
        message,
        cx|
    __bus::running(async move {
        let this = cx.get().resource::<Mailer>()?;
        let reply = this
            .welcome(
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
            name: "Mailer::welcome",
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
    __bus::inventory::submit! {
        __bus::Registered(& __ENTRY)
    }
};
#[cfg(feature = "mail")]
const _: () = {
    #[allow(unused_imports)]
    use handler as _;
};
const _: () = {
    use ::bus::__private as __bus;
    #[allow(unused_imports)]
    use __bus::Unclassed as _;
    type __Written = Split;
    type __Reply = Result<Mailer, MailError>;
    const _: () = {
        #[doc(hidden)]
        #[allow(non_camel_case_types, missing_debug_implementations, unreachable_pub)]
        pub struct split {}
        impl __bus::HandledBy<split> for <__Written as __bus::MessageOf>::Message {}
        const _: () = __bus::a_command_has_exactly_one_handler::<
            <__Written as __bus::MessageOf>::Message,
            _,
        >();
    };
    fn __require(requirements: &mut __bus::Requirements) {
        requirements.resource::<Mailer>();
    }
    static __SLOT: __bus::SlotOf<<__Written as __bus::MessageOf>::Message> = __bus::Slot::Plain(|
        message,
        cx|
    {
        let this = cx.resource::<Mailer>()?;
        let reply = this
            .split(
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
            name: "Mailer::split",
            module: ::core::module_path!(),
            file: ::core::file!(),
            line: ::core::line!(),
            column: ::core::column!(),
            priority: 1i32,
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
    __bus::inventory::submit! {
        __bus::Registered(& __ENTRY)
    }
};
const _: () = {
    #[allow(unused_imports)]
    use bus::handler as _;
};
