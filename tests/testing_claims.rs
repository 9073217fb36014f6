//! The test kit: expectations say what is so. Each of these passed though it was not, or failed though it was.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bus::prelude::*;
use bus::testing::{TestBus, TestBusBuilder, expect_exactly};
use bus::{
    AnyEvent, Call, DeadLetteredEvent, EventHandlerFailedEvent, Handled, Next, UnhandledEvent,
};

#[event]
struct Torn(bool);
#[handler]
fn mend(torn: &Torn) -> bus::Result<()> {
    if torn.0 { Err(bus::Error::msg("no thread")) } else { Ok(()) }
}

#[event]
struct Lost;
#[handler]
fn search(_: &UnhandledEvent) -> bus::Result<()> {
    Err(bus::Error::msg("no lamp"))
}

#[command(output = u32)]
struct Weigh(&'static str);
#[handler(middleware = Gate, circuit_breaker(failure_threshold = 1, recovery_timeout = "10s"))]
async fn weigh(command: Weigh) -> bus::Result<u32> {
    if command.0 == "fails" { Err(bus::Error::msg("no scales")) } else { Ok(1) }
}

#[event]
struct Weighed(&'static str);
#[handler(middleware = Gate)]
async fn note(_: &Weighed) {}

/// Answers in place of the handlers.
#[derive(Default)]
struct Gate;
#[bus::async_trait]
impl bus::Middleware for Gate {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let word = call.get::<Weigh>().map(|c| c.0).or_else(|| call.get::<Weighed>().map(|e| e.0));
        match word {
            Some("skip") => call.skip(),
            Some("reply") => call.reply::<Weigh>(Ok(7)),
            Some("reject") => call.reject("no"),
            _ => next.run(call).await,
        }
    }
}

#[event]
struct Sold(u32);
#[event]
struct Counted;
#[event]
struct Told;
#[handler(batch = 10)]
async fn count(sold: &[Arc<Sold>], cx: &Context) {
    if sold.iter().any(|sold| sold.0 == 2) {
        cx.emit(Counted);
    }
}
#[handler]
fn told(_: &Counted, cx: &Context) {
    cx.emit(Told);
}

fn builder() -> TestBusBuilder {
    TestBus::builder().only("testing_claims")
}

/// What a failing expectation says.
fn fails(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("it should fail");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[tokio::test]
async fn the_buss_own_events_are_not_expected_in_vain() {
    let bus = builder().build().unwrap();
    bus.publish(Torn(true)).await.unwrap();
    bus.settle().await;
    let texts = [
        fails(|| bus.expect_none::<EventHandlerFailedEvent>()),
        fails(|| bus.expect_count::<EventHandlerFailedEvent>(0)),
        fails(|| drop(bus.expect::<EventHandlerFailedEvent>())),
        fails(|| drop(bus.published::<EventHandlerFailedEvent>())),
        fails(|| expect_exactly!(bus, Torn, EventHandlerFailedEvent)),
        fails(|| drop(bus.when_published(Lost).expect::<EventHandlerFailedEvent>(|_| true))),
        fails(|| drop(bus.when_published(Lost).expect_none::<EventHandlerFailedEvent>())),
        fails(|| drop(bus.expect::<Torn>().caused_by::<EventHandlerFailedEvent>())),
        fails(|| bus.expect_dead_letter::<EventHandlerFailedEvent>()),
    ];
    for text in texts {
        let start = "the record has no EventHandlerFailedEvent: it is an event of the bus's own";
        assert!(text.starts_with(start) && text.contains("`bus.expect_no_failure()`"), "{text}");
    }
    let text = fails(|| bus.expect_none::<DeadLetteredEvent>());
    assert!(text.contains("`bus.expect_dead_letter::<M>()`"), "{text}");
    let text = fails(|| bus.expect_none::<AnyEvent>());
    assert!(text.starts_with("no event is published as an AnyEvent"), "{text}");
    assert!(text.contains("`bus.record()`") && text.contains("`expect_exactly!(bus)`"), "{text}");
}

#[tokio::test]
async fn that_nothing_has_failed_can_be_said() {
    let bus = builder().build().unwrap();
    bus.publish(Torn(false)).await.unwrap();
    assert!(fails(|| bus.expect_no_failure()).contains("only when the bus has settled"));
    bus.settle().await;
    bus.expect_no_failure();
    bus.publish(Torn(true)).await.unwrap();
    bus.execute(Weigh("fails")).await.unwrap_err();
    bus.settle().await;
    let text = fails(|| bus.expect_no_failure());
    assert!(text.starts_with("expected no failure, and there were 2:\n  "), "{text}");
    assert!(text.contains("\n  Torn: mend failed: no thread"), "{text}");
    assert!(text.contains("\n  Weigh: ") && text.contains("no scales"), "{text}");
    assert!(text.contains("what happened:\n"), "{text}");
    bus.forget();
    bus.expect_no_failure();
    // Also of those that handle what the bus tells of itself, of which the record says nothing.
    bus.publish(Lost).await.unwrap();
    bus.settle().await;
    let text = fails(|| bus.expect_no_failure());
    assert!(text.contains("\n  UnhandledEvent: search failed: no lamp"), "{text}");
    bus.forget();
    bus.expect_no_failure();
}

#[tokio::test]
async fn who_was_not_called_has_not_handled_it() {
    let bus = builder().build().unwrap();
    bus.publish(Weighed("skip")).await.unwrap();
    bus.settle().await;
    let text = fails(|| drop(bus.expect::<Weighed>().handled_by::<note>()));
    assert!(text.contains("handled by note, and there was none"), "{text}");
    assert!(text.contains("    note was not called\n"), "{text}");
    bus.publish(Weighed("go")).await.unwrap();
    bus.settle().await;
    bus.expect::<Weighed>().handled_by::<note>().once();
}

#[tokio::test]
async fn what_no_handler_was_called_with_was_not_executed() {
    let bus = builder().build().unwrap();
    assert_eq!(bus.execute(Weigh("reply")).await.unwrap(), 7);
    bus.execute(Weigh("reject")).await.unwrap_err();
    bus.expect_executed::<Weigh>(0);
    bus.execute(Weigh("fails")).await.unwrap_err();
    bus.expect_executed::<Weigh>(1);
    // The breaker is open.
    bus.execute(Weigh("refused")).await.unwrap_err();
    bus.expect_executed::<Weigh>(1);
    let text = fails(|| bus.expect_executed::<Weigh>(4));
    let tree = text.split_once("what happened:\n").unwrap().1;
    let heads: Vec<_> = tree.lines().filter(|line| line.starts_with("  Weigh")).collect();
    let not = "  Weigh: for weigh, which was not called";
    assert_eq!(heads, [not, not, "  Weigh: executed by weigh", not], "{text}");
    assert!(tree.contains("    answered in place of weigh\n"), "{text}");
}

#[tokio::test]
async fn what_a_batch_has_sent_is_caused_by_its_events() {
    let bus = builder().build().unwrap();
    bus.try_publish(Sold(1)).unwrap();
    bus.try_publish(Sold(2)).unwrap();
    bus.settle().await;
    assert!(bus.tree().contains("sent by count"), "{}", bus.tree());
    bus.expect::<Counted>().caused_by::<Sold>().once();
    bus.expect::<Told>().caused_by::<Counted>();
    assert!(fails(|| drop(bus.expect::<Told>().caused_by::<Sold>())).contains("there was none"));
}

#[test]
fn without_a_runtime_nothing_is_settled_that_is_queued() {
    let bus = builder().build().unwrap();
    assert!(bus.is_settled());
    bus.try_publish(Counted).unwrap();
    assert!(!bus.is_settled());
    let text = fails(|| bus.expect_none::<Told>());
    assert!(text.contains("only when the bus has settled"), "{text}");
    let why = "1 event is queued, and there is no tokio runtime to handle it in: `#[tokio::test]`";
    assert!(text.contains(why), "{text}");
    // Whoever polls it without a runtime is told so too.
    let mut settle = std::pin::pin!(bus.try_settle());
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    let polled = (0..5).find_map(|_| match settle.as_mut().poll(&mut task) {
        std::task::Poll::Ready(settled) => Some(settled),
        std::task::Poll::Pending => None,
    });
    let text = polled.expect("it is told at once").unwrap_err().to_string();
    assert!(text.starts_with("the bus cannot settle") && text.contains(why), "{text}");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(bus.settle());
    bus.expect::<Told>().once();
}
