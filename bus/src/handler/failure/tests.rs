//! What is noted of each form of handler. Seen by a hook: it is told of a run when that has ended.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::sync::lock;
use crate::{
    BatchOutcome, Bus, Classify, Context, Ended, Error, ErrorClass, Hook, HookCall, Message,
};

/// Which error the handlers fail with, if they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bad {
    Not,
    Now,
    Always,
}
use Bad::{Always, Not, Now};

/// Knows its class.
#[derive(Debug, thiserror::Error)]
#[error("{0:?}")]
struct Knows(Bad);

impl Classify for Knows {
    fn class(&self) -> ErrorClass {
        match self.0 {
            Now => ErrorClass::Deferred(Duration::from_secs(7)),
            Always | Not => ErrorClass::Malformed,
        }
    }
}

/// Knows nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0:?}")]
struct Plain(Bad);

impl Plain {
    fn is_now(&self) -> bool {
        self.0 == Now
    }
}

fn says_now(error: &dyn StdError) -> bool {
    error.to_string() == "Now"
}

fn prints_now<E: fmt::Display>(error: &E) -> bool {
    says(error, "Now")
}

fn never(_: &Knows) -> bool {
    false
}

fn says(what: &impl fmt::Display, text: &str) -> bool {
    what.to_string() == text
}

impl Bad {
    fn or<E>(self, error: fn(Self) -> E) -> Result<(), E> {
        if self == Not { Ok(()) } else { Err(error(self)) }
    }
}

/// Declares a command with a handler of its own.
macro_rules! command {
    ($name:ident: $($handler:tt)*) => {
        #[bus_macros::command(crate = crate)]
        #[derive(Debug, Clone)]
        struct $name(Bad);
        $($handler)*
    };
}

command! { OfType:
    #[bus_macros::handler(manual, crate = crate)]
    async fn of_type(OfType(bad): OfType) -> Result<(), Knows> { bad.or(Knows) }
}
command! { OfTypeInPlace:
    #[bus_macros::handler(manual, crate = crate)]
    fn of_type_in_place(OfTypeInPlace(bad): &OfTypeInPlace) -> Result<(), Knows> { bad.or(Knows) }
}
command! { OfTypeOnTheSide:
    #[bus_macros::handler(manual, blocking, crate = crate)]
    fn of_type_on_the_side(command: Arc<OfTypeOnTheSide>) -> Result<(), Knows> {
        command.0.or(Knows)
    }
}
command! { Unknown:
    #[bus_macros::handler(manual, crate = crate)]
    async fn unknown(Unknown(bad): Unknown) -> Result<(), Plain> { bad.or(Plain) }
}
command! { OfError:
    #[bus_macros::handler(manual, crate = crate)]
    async fn of_error(OfError(bad): OfError) -> crate::Result<()> {
        bad.or(|bad| match bad {
            Now => Error::msg("not a word of a class"),
            Always | Not => Error::permanent(Plain(bad)),
        })
    }
}
command! { If:
    #[bus_macros::handler(manual, retry_if = Plain::is_now, crate = crate)]
    async fn retried_if(If(bad): If) -> Result<(), Plain> { bad.or(Plain) }
}
command! { IfDyn:
    #[bus_macros::handler(manual, retry_if = says_now, crate = crate)]
    fn retried_if_dyn(IfDyn(bad): &IfDyn) -> Result<(), Plain> { bad.or(Plain) }
}
command! { IfGeneric:
    #[bus_macros::handler(manual, blocking, retry_if = prints_now, crate = crate)]
    fn retried_if_generic(IfGeneric(bad): IfGeneric) -> Result<(), Plain> { bad.or(Plain) }
}
command! { IfOverType:
    #[bus_macros::handler(manual, retry_if = never, crate = crate)]
    async fn retried_if_over_type(IfOverType(bad): IfOverType) -> Result<(), Knows> {
        bad.or(Knows)
    }
}

#[bus_macros::event(crate = crate)]
#[derive(Debug)]
struct Told(Bad);

#[bus_macros::handler(manual, crate = crate)]
async fn told(Told(bad): &Told) -> Result<(), Knows> {
    bad.or(Knows)
}
#[bus_macros::handler(manual, crate = crate)]
async fn told_nothing(_: &Told) {}
#[bus_macros::handler(manual, batch = 10, crate = crate)]
async fn told_several(events: &[Arc<Told>]) -> Result<BatchOutcome, Knows> {
    events[0].0.or(Knows)?;
    Ok(BatchOutcome::all_ok())
}
#[bus_macros::handler(manual, batch = 10, crate = crate)]
fn told_each(events: &[Arc<Told>]) -> BatchOutcome {
    events.iter().map(|event| event.0.or(Knows)).collect()
}

/// Keeps the class that each run has ended with.
#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Vec<Option<ErrorClass>>>>);

impl Hook for Noted {
    fn after(&self, call: &HookCall<'_>, _: &Ended<'_>) {
        let context: &Context = call.context();
        lock(&self.0).push(context.class());
    }
}

/// The class that is noted when the command's handler ends without an error, with one for now, and with
/// one for ever.
async fn noted<C>(bus: &Bus, noted: &Noted, command: fn(Bad) -> C) -> [Option<ErrorClass>; 3]
where
    C: Message<Kind = crate::message::kind::Command<(), Error>>,
{
    for bad in [Not, Now, Always] {
        assert_eq!(bus.execute(command(bad)).await.is_ok(), bad == Not);
    }
    let classes = std::mem::take(&mut *lock(&noted.0));
    classes.try_into().expect("each is handled once")
}

const TRANSIENT: Option<ErrorClass> = Some(ErrorClass::Transient);
const PERMANENT: Option<ErrorClass> = Some(ErrorClass::Permanent);
const MALFORMED: Option<ErrorClass> = Some(ErrorClass::Malformed);
const DEFERRED: Option<ErrorClass> = Some(ErrorClass::Deferred(Duration::from_secs(7)));

#[tokio::test]
async fn of_commands() {
    let hook = Noted::default();
    let builder = Bus::builder().without_registered().hook(hook.clone());
    let builder = builder.handler::<of_type>().handler::<of_type_in_place>();
    let builder = builder.handler::<of_type_on_the_side>().handler::<unknown>();
    let builder = builder.handler::<of_error>().handler::<retried_if>().handler::<retried_if_dyn>();
    let builder = builder.handler::<retried_if_generic>().handler::<retried_if_over_type>();
    let bus = builder.build().unwrap();

    let of_type = [None, DEFERRED, MALFORMED];
    assert_eq!(noted(&bus, &hook, OfType).await, of_type);
    assert_eq!(noted(&bus, &hook, OfTypeInPlace).await, of_type);
    assert_eq!(noted(&bus, &hook, OfTypeOnTheSide).await, of_type);
    assert_eq!(noted(&bus, &hook, Unknown).await, [None, None, None]);
    assert_eq!(noted(&bus, &hook, OfError).await, [None, None, PERMANENT]);

    let asked = [None, TRANSIENT, PERMANENT];
    assert_eq!(noted(&bus, &hook, If).await, asked);
    assert_eq!(noted(&bus, &hook, IfDyn).await, asked);
    assert_eq!(noted(&bus, &hook, IfGeneric).await, asked);
    assert_eq!(noted(&bus, &hook, IfOverType).await, [None, PERMANENT, PERMANENT]);
    bus.shutdown().await;
}

#[tokio::test]
async fn of_events() {
    let hook = Noted::default();
    let builder = Bus::builder().without_registered().hook(hook.clone());
    let builder = builder.handler::<told>().handler::<told_nothing>();
    let bus = builder.handler::<told_several>().handler::<told_each>().build().unwrap();
    bus.publish(Told(Always)).await.unwrap();
    bus.shutdown().await;
    let mut classes = std::mem::take(&mut *lock(&hook.0));
    classes.sort_by_key(Option::is_some);
    // The outcome of a batch says of each event what became of it: of the whole there is no error.
    assert_eq!(classes, [None, None, MALFORMED, MALFORMED]);
}

#[test]
fn a_type_says_its_class_once_for_all() {
    #[bus_macros::command(error = Knows, crate = crate)]
    struct Declared;
    #[bus_macros::command(error = Plain, crate = crate)]
    struct Undeclared;

    let class = Declared::INFO.capabilities().error_class.expect("it is `Classify`");
    assert_eq!(Some(class(&Knows(Always))), MALFORMED);
    for info in [Undeclared::INFO, Unknown::INFO, Told::INFO] {
        assert!(info.capabilities().error_class.is_none(), "{info:?}");
    }
}

#[test]
fn what_attributes_say_is_there() {
    use crate::registry::entry::HandlerType;
    use crate::resilience::{CircuitBreakerConfig, Jitter, RetryConfig};

    #[bus_macros::command(
        crate = crate,
        attempt_timeout = "1s",
        retry,
        circuit_breaker(name = "bank", failure_ratio = 1)
    )]
    #[derive(Clone)]
    struct Pay;
    #[bus_macros::handler(
        manual,
        crate = crate,
        attempt_timeout = "250ms",
        retry(max_retries = 5, initial_delay = "50ms", exponential_base = 1.5, jitter = spread(0.25)),
        circuit_breaker
    )]
    fn pay(_: Pay) -> crate::Result<()> {
        Ok(())
    }

    assert_eq!(Pay::INFO.attempt_timeout(), Some(Duration::from_secs(1)));
    assert_eq!(Pay::INFO.retry().map(|retry| retry.config()), Some(RetryConfig::default()));
    let breaker = Pay::INFO.circuit_breaker().expect("it is declared");
    assert_eq!(breaker.name, Some("bank"));
    let config = CircuitBreakerConfig { failure_ratio: 1.0, ..CircuitBreakerConfig::default() };
    assert_eq!(breaker.config(), config);

    let meta = <pay as HandlerType>::ENTRY.meta;
    assert_eq!(meta.attempt_timeout, Some(Duration::from_millis(250)));
    assert_eq!(
        meta.retry.map(|retry| retry.config()),
        Some(RetryConfig {
            max_retries: 5,
            initial_delay: Duration::from_millis(50),
            exponential_base: 1.5,
            jitter: Jitter::Spread(0.25),
            ..RetryConfig::default()
        })
    );
    let own = meta.circuit_breaker.expect("it is declared");
    assert_eq!((own.name, own.config()), (None, CircuitBreakerConfig::default()));
}

/// One that takes the message as an `Arc`, under whatever name, can be called again without a clone.
#[test]
fn who_can_be_called_again() {
    use crate::message::Takes;
    use crate::registry::entry::HandlerType;

    let shares = <of_type_on_the_side as HandlerType>::ENTRY.meta.takes;
    let borrows = <of_type_in_place as HandlerType>::ENTRY.meta.takes;
    let moves = <of_type as HandlerType>::ENTRY.meta.takes;
    assert_eq!((shares, borrows, moves), (Takes::Shared, Takes::Borrowed, Takes::Owned));
}
