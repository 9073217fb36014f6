//! Hooks: told before and after each run of a handler, whatever becomes of it. That they allocate nothing
//! is shown in `allocations.rs`, and which ends they are told in `middleware_model/`.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{Bus, Ended, Hook, HookCall, MessageInfo, command, event, handler};

#[command(output = u32, error = Odd)]
struct Halve(u32);

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{0} is odd")]
struct Odd(u32);

#[handler]
async fn halve(command: Halve) -> Result<u32, Odd> {
    tokio::task::yield_now().await;
    if command.0.is_multiple_of(2) { Ok(command.0 / 2) } else { Err(Odd(command.0)) }
}

#[event]
struct Tick;
#[handler]
fn plain(_: &Tick) -> bus::Result<()> {
    Err(Odd(1).into())
}
#[handler(timeout = "1s", priority = -1)]
async fn hangs(_: &Tick) {
    std::future::pending::<()>().await;
}

#[derive(Clone)]
struct Notes(&'static str, Arc<Mutex<Vec<String>>>);

impl Notes {
    fn new(name: &'static str) -> Self {
        Self(name, Arc::default())
    }
    fn say(&self, what: String) {
        self.1.lock().unwrap().push(format!("{} {what}", self.0));
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.1.lock().unwrap())
    }
}

impl Hook for Notes {
    fn before(&self, call: &HookCall<'_>) {
        let number = call.get::<Halve>().map(|halve| halve.0);
        self.say(format!("before {} {number:?}", call.handler().name));
    }
    fn after(&self, call: &HookCall<'_>, ended: &Ended<'_>) {
        assert!(call.get::<Halve>().is_none(), "it belonged to its handler");
        if let Ended::Failed(error) = ended {
            assert!(error.downcast_ref::<Odd>().is_some(), "the type of the handler's own error");
        }
        self.say(format!("after {} {ended}", call.handler().name));
    }
    fn name(&self) -> Cow<'static, str> {
        self.0.into()
    }
}

struct Panics;
impl Hook for Panics {
    fn before(&self, _: &HookCall<'_>) {
        panic!("before");
    }
    fn after(&self, _: &HookCall<'_>, _: &Ended<'_>) {
        panic!("after");
    }
    fn name(&self) -> Cow<'static, str> {
        panic!("its name")
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_is_told_of_each_run_and_each_end() {
    let outer = Notes::new("outer");
    let inner = Notes("inner", Arc::clone(&outer.1));
    let bus = Bus::builder().hook(outer.clone()).hook(Panics).hook(inner).build().unwrap();
    assert_eq!(bus.execute(Halve(4)).await.unwrap(), 2, "a hook that panics disturbs nobody");
    let around = ["outer before halve Some(4)", "inner before halve Some(4)"];
    let well = ["inner after halve ended well", "outer after halve ended well"];
    assert_eq!(outer.take(), [around, well].concat(), "each is around those after it");

    bus.execute(Halve(3)).await.unwrap_err();
    assert_eq!(outer.take()[3], "outer after halve failed: 3 is odd");

    let mut dropped = Box::pin(bus.execute(Halve(2)));
    assert!(futures_poll(dropped.as_mut()).await);
    drop(dropped);
    assert_eq!(outer.take()[3], "outer after halve was dropped by its caller");
    drop(bus.execute(Halve(2)));
    assert_eq!(outer.take(), [""; 0], "what was never begun does not end");

    let late = bus.execute(Halve(2)).cancel_on(std::future::ready(())).await;
    late.unwrap_err();
    assert_eq!(outer.take()[3], "outer after halve was cancelled by its caller");

    bus.publish(Tick).await.unwrap();
    bus.idle().await;
    let told: Vec<_> = outer.take().into_iter().filter(|told| told.starts_with("outer")).collect();
    assert_eq!(
        told,
        [
            "outer before plain None",
            "outer after plain failed: 1 is odd",
            "outer before hangs None",
            "outer after hangs timed out after 1s"
        ]
    );
}

/// Polls once; is it pending?
async fn futures_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
    std::future::poll_fn(|task| std::task::Poll::Ready(future.as_mut().poll(task).is_pending()))
        .await
}

struct OfTicks(Notes);
impl Hook for OfTicks {
    fn before(&self, call: &HookCall<'_>) {
        self.0.say(format!("before {}", call.handler().name));
    }
    fn concerns(&self, message: &MessageInfo) -> bool {
        message.short_name() == "Tick"
    }
    fn name(&self) -> Cow<'static, str> {
        "of ticks".into()
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_is_told_of_what_concerns_it() {
    let notes = Notes::new("");
    let bus = Bus::builder().hook(OfTicks(notes.clone())).build().unwrap();
    let later = bus.register_event_handler(|_: Arc<Tick>, _| async {}).unwrap();
    bus.execute(Halve(2)).await.unwrap();
    bus.publish(Tick).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), bus.idle()).await.unwrap();
    assert_eq!(notes.take(), [" before closure", " before plain", " before hangs"]);
    later.unregister();
    let described = bus.describe();
    let hooks = |name: &str| {
        let message = described.messages.iter().find(|message| message.short_name == name);
        message.unwrap().handlers[0].hooks.clone()
    };
    assert_eq!((hooks("Tick"), hooks("Halve")), (vec!["of ticks".to_owned()], vec![]));
}
