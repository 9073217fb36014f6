//! Inside a bus that works: what is announced, and what handlers may do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::End::{Fails, Well};
use super::{Fell, InTurn, World, info};
use crate::message::Message;
use crate::pipeline::options::{Head, InScope};
use crate::resilience::dead_letters::Buried;
use crate::session::SessionId;
use crate::sync::{Mutex, lock};
use crate::{
    Cause, DeadLetteredEvent, DropReason, ErrorClass, EventsDroppedEvent, HandlerOptions,
    OwnedContext, RetryError,
};

#[tokio::test(start_paused = true)]
async fn its_coming_is_announced_once_and_never_of_the_buss_own() {
    let world = World::new(10);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let there = Arc::clone(&heard);
    let note = move |event: Arc<DeadLetteredEvent>, _: OwnedContext| {
        lock(&there).push((event.id, event.cause, event.attempts));
        std::future::ready(())
    };
    world.bus.register_event_handler_with(HandlerOptions::new(), note).unwrap();
    let id = world.bury(1);
    world.fake.will([Fails]);
    world.letters().retry(id).await.unwrap_err();
    let mut own = world.buried_as(Fell(1), None);
    own.lifecycle = true;
    world.core().dead_letters.bury(world.core(), own);
    let own = DeadLetteredEvent {
        id,
        message_id: world.letters().get(id).unwrap().message_id,
        message: "",
        handler: info("x", 1),
        error: String::new(),
        cause: Cause::Panicked,
        attempts: 1,
        session_id: SessionId::BUS,
    };
    world.core().dead_letters.bury(world.core(), world.buried_as(own, None));
    world.bus.idle().await;
    assert_eq!(*lock(&heard), [(id, Cause::Failed(ErrorClass::Transient), 4)]);
    assert_eq!(world.letters().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn evictions_are_told_together() {
    let world = World::new(2);
    let heard = Arc::new(AtomicUsize::new(0));
    let (there, events) = (Arc::clone(&heard), Arc::new(AtomicUsize::new(0)));
    let told = Arc::clone(&events);
    let note = move |event: Arc<EventsDroppedEvent>, _: OwnedContext| {
        assert_eq!(event.reason, DropReason::DeadLetterEvicted);
        there.fetch_add(usize::try_from(event.count).unwrap(), Ordering::Relaxed);
        told.fetch_add(1, Ordering::Relaxed);
        std::future::ready(())
    };
    world.bus.register_event_handler_with(HandlerOptions::new(), note).unwrap();
    (0..102).for_each(|n| assert!(world.letters().get(world.bury(n)).is_some()));
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.bus.idle().await;
    assert_eq!((heard.load(Ordering::Relaxed), events.load(Ordering::Relaxed)), (100, 2));
    assert_eq!(world.letters().stats().evicted, 100);
    // What the bus's own events have caused makes no more of them.
    for _ in 0..5 {
        let mut own = world.buried_as(Fell(1), None);
        own.lifecycle = true;
        world.core().dead_letters.bury(world.core(), own);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.bus.idle().await;
    assert_eq!((heard.load(Ordering::Relaxed), world.letters().stats().evicted), (102, 105));
}

#[tokio::test(start_paused = true)]
async fn a_handler_cannot_wait_for_the_turn_that_is_its_own() {
    let world = World::new(2);
    let lane = InTurn::INFO.lane(&InTurn(1)).unwrap();
    let store = &world.core().dead_letters;
    let held = store.bury(world.core(), world.buried_as(InTurn(1), Some(lane.0)));
    let free = world.bury(1);
    world.fake.will([Well]);
    let (bus, said) = (world.bus.clone(), Arc::new(Mutex::new(Vec::new())));
    let say = Arc::clone(&said);
    let retry = move |_: Arc<InTurn>, _: OwnedContext| {
        let (bus, say) = (bus.clone(), Arc::clone(&say));
        async move {
            let letters = bus.dead_letters();
            let retried = letters.retry(held).await.unwrap_err();
            let edited = letters.edit_and_retry(held, InTurn::clone).await.unwrap_err();
            let other = letters.retry(free).await.is_ok();
            lock(&say).push((retried, edited, other));
        }
    };
    world.bus.register_event_handler_with(HandlerOptions::new(), retry).unwrap();
    world.bus.publish(InTurn(1)).and_wait().await.unwrap().into_result().unwrap();
    let own = RetryError::OwnLane { id: held };
    assert_eq!(*lock(&said), [(own.clone(), own, true)]);
    assert_eq!(world.ids(), [held]);
}

#[tokio::test(start_paused = true)]
async fn a_bus_is_not_idle_while_something_is_run_again() {
    let world = World::new(10);
    let head = world.bury_in(7);
    let parked = world.park_in(7).unwrap();
    world.letters().discard(head).unwrap();
    // Its run has not begun yet, and waits to be ended when it has.
    let until_idle = tokio::time::timeout(Duration::from_secs(9), world.bus.idle());
    assert!(until_idle.await.is_err());
    world.fake.end(parked, Fails);
    world.bus.idle().await;
    assert_eq!(world.ids(), [parked]);
    world.fake.will([Well]);
    world.letters().retry(parked).await.unwrap();
    world.bus.idle().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_session_has_sent_does_not_keep_it() {
    let world = World::new(10);
    let session = world.bus.session("job").open().await.unwrap();
    let scope = world.core().sessions.find(&"job".into()).unwrap();
    let head = Head { session: Some(InScope::Of(Arc::clone(&scope))), ..Head::default() };
    let kept = Arc::downgrade(&scope);
    drop(scope);
    let session_id = Some(SessionId::from("job"));
    let buried = world.buried_as(Fell(1), None);
    let buried = Buried { head: Some(Arc::new(head)), session: session_id, ..buried };
    let id = world.core().dead_letters.bury(world.core(), buried);
    session.close().await;
    drop(session);
    assert!(kept.upgrade().is_none(), "the letter keeps it");
    let entry = world.letters().get(id).unwrap();
    let head = entry.hidden.head.as_ref().unwrap();
    assert!(matches!(&head.session, Some(InScope::Named(id)) if id.as_str() == "job"));
}
