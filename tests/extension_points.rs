//! What users may implement, and what they may be generic over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bus::{
    Bus, Clock, CommandErrorKind, Context, Event, MessageBus, OwnedContext, PublishError, Sleep,
    command, event, handler,
};

// Generic over who executes and publishes.

#[command(output = u32)]
struct Add(u32, u32);
#[handler]
fn add(command: &Add) -> bus::Result<u32> {
    Ok(command.0 + command.1)
}
#[event]
struct Added(u32);
#[handler]
async fn added(event: &Added) {
    assert!(event.0 > 0);
}

async fn add_and_tell(bus: &impl MessageBus, a: u32, b: u32) -> Result<u32, PublishError<Added>> {
    let sum = bus.execute(Add(a, b)).await.unwrap_or_default();
    bus.publish(Added(sum)).await?;
    bus.try_publish(Added(sum))?;
    Ok(sum)
}

#[command(output = (u32, u32))]
struct Everywhere;
#[handler]
async fn everywhere(_: Everywhere, cx: &Context) -> bus::Result<(u32, u32)> {
    let owned: OwnedContext = cx.to_owned();
    let refused = |error: PublishError<Added>| bus::Error::msg(error.kind());
    let through_context = add_and_tell(cx, 1, 2).await.map_err(refused)?;
    let through_owned = add_and_tell(&owned, 3, 4).await.map_err(refused)?;
    Ok((through_context, through_owned))
}

#[tokio::test]
async fn a_bus_and_the_contexts_of_a_handler_are_message_buses() {
    let bus = Bus::from_registered().unwrap();
    assert_eq!(add_and_tell(&bus, 5, 6).await.unwrap(), 11);
    assert_eq!(bus.execute(Everywhere).await.unwrap(), (3, 7));
    bus.shutdown().await;
    assert_eq!(bus.stats().processed, 6);
    fn _is_an_event<E: Event>() {}
    _is_an_event::<Added>();
}

// A clock of one's own.

/// Stands still until it is told to go on.
#[derive(Clone)]
struct Manual {
    start: Instant,
    passed: Arc<AtomicU64>,
    told: Arc<tokio::sync::Notify>,
}

impl Manual {
    fn advance(&self, by: Duration) {
        self.passed.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
        self.told.notify_waiters();
    }
}

impl Clock for Manual {
    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.passed.load(Ordering::SeqCst))
    }
    fn sleep_until(&self, deadline: Instant) -> Sleep {
        let clock = self.clone();
        Sleep::new(async move {
            loop {
                let told = clock.told.notified();
                if clock.now() >= deadline {
                    return;
                }
                told.await;
            }
        })
    }
}

#[command]
struct Hang;
#[handler]
async fn hang(_: Hang) -> bus::Result<()> {
    std::future::pending().await
}

#[tokio::test]
async fn timeouts_go_by_the_clock_that_was_given() {
    let passed = Arc::new(AtomicU64::new(0));
    let clock = Manual { start: Instant::now(), passed, told: Arc::default() };
    let bus = Bus::builder().clock(clock.clone()).build().unwrap();
    let call = tokio::spawn({
        let bus = bus.clone();
        async move { bus.execute(Hang).detailed().await }
    });
    while bus.stats().commands_in_flight == 0 {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_secs(29));
    tokio::task::yield_now().await;
    assert!(!call.is_finished(), "it ended a second early");
    clock.advance(Duration::from_secs(1));
    let report = call.await.unwrap();
    assert_eq!(report.duration, Duration::from_secs(30));
    let error = report.result.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::TimedOut { .. }), "{error}");
}

// A bus for the whole program.

#[tokio::test]
async fn a_global_bus_is_set_once() {
    assert!(Bus::global().is_none());
    let bus = Bus::from_registered().unwrap();
    Bus::set_global(bus.clone()).unwrap();
    assert!(Bus::set_global(bus).is_err(), "it was set twice");
    let global = Bus::global().expect("it was set");
    assert_eq!(global.execute(Add(1, 1)).await.unwrap(), 2);
}
