//! The test kit: what the record says of who has sent what and when, and what it keeps.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bus::prelude::*;
use bus::testing::{Step, TestBus};

const SECOND: Duration = Duration::from_secs(1);

#[command]
struct Buy;
#[handler]
async fn buy(_: Buy, emit: Emit<Bought>) -> bus::Result<()> {
    emit.send(Bought(Arc::default()));
    Ok(())
}

#[event]
struct Bought(Arc<()>);
/// Sends in each of the ways there are.
#[handler]
async fn ship(_: &Bought, cx: &Context) -> bus::Result<()> {
    cx.publish(Reminded).after(30 * SECOND).await?;
    cx.sleep(SECOND).await;
    cx.emit(Shipped("ship"));
    Ok(())
}
#[handler]
fn pack(_: &Bought, cx: &Context) {
    cx.emit(Shipped("pack"));
    let _ = cx.try_publish(Packed);
}
#[handler]
async fn bill(_: &Bought, cx: &Context) -> bus::Result<()> {
    cx.execute(Charge).await?;
    Ok(())
}
#[handler(batch = 10)]
async fn count(_: &[Arc<Bought>], cx: &Context) {
    cx.emit(Counted);
}

#[command]
struct Charge;
#[handler]
fn charge(_: Charge, cx: &Context) -> bus::Result<()> {
    cx.emit(Charged);
    Ok(())
}

#[event]
struct Shipped(&'static str);
#[event]
struct Packed;
#[event]
struct Charged;
#[event]
struct Counted;
#[event]
struct Reminded;
#[handler]
async fn reminded(_: &Reminded) {}

fn build() -> TestBus {
    TestBus::builder().only("testing_record").build().unwrap()
}

/// What a failing expectation says.
fn fails(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("it should fail");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[tokio::test]
async fn the_tree_says_which_handler_has_sent_what_and_when_it_is_due() {
    let bus = build();
    bus.execute(Buy).await.unwrap();
    bus.advance(60 * SECOND).await;
    let tree = bus.tree();
    let has = |line: &str| assert!(tree.contains(line), "no {line} in\n{tree}");
    // A command has one handler: it stands above.
    has("Buy: executed by buy\n  Bought: published\n");
    has("    Reminded: scheduled, due in 30s, sent by ship\n      published  [+30s]\n");
    has("    Shipped: published, sent by ship  [+1s]\n");
    has("    Shipped: published, sent by pack\n");
    has("    Packed: published, sent by pack\n");
    has("    Charge: executed by charge, sent by bill\n      Charged: published\n");
    has("    Counted: published, sent by count\n");
    let record = bus.record();
    let by = |of: &str| {
        let mut shipped = record.iter().filter(|e| e.event::<Shipped>().is_some_and(|s| s.0 == of));
        shipped.find(|entry| entry.step == Step::Published).unwrap().sender().unwrap().name.clone()
    };
    assert_eq!((by("ship"), by("pack")), ("ship".into(), "pack".into()));
    let due = |entry: &bus::testing::Entry| matches!(entry.step, Step::Scheduled { due_in } if due_in == 30 * SECOND);
    assert!(record.iter().any(due));
}

#[tokio::test]
async fn expectations_ask_when() {
    let bus = build();
    bus.execute(Buy).await.unwrap();
    bus.advance(60 * SECOND).await;
    bus.expect::<Reminded>().at(30 * SECOND).once();
    assert_eq!(bus.expect::<Reminded>().time(), 30 * SECOND);
    let late = bus.expect::<Shipped>().at(SECOND).once();
    assert_eq!(late.event().0, "ship");
    let text = fails(|| drop(bus.expect::<Reminded>().at(SECOND)));
    assert!(
        text.starts_with("expected Reminded at +1s, and there was none:\n  Reminded  [+30s]\n"),
        "{text}"
    );
}

#[tokio::test]
async fn what_is_handled_is_the_event() {
    let bus = build();
    bus.execute(Buy).await.unwrap();
    bus.advance(SECOND).await;
    let record = bus.record();
    let of_event = record.iter().filter(|entry| entry.event::<Bought>().is_some());
    let (mut handling, mut handled) = (0, 0);
    for entry in of_event {
        handling += usize::from(matches!(entry.step, Step::Handling { .. }));
        handled += usize::from(matches!(entry.step, Step::Handled { .. }));
    }
    assert_eq!((handling, handled), (4, 4));
}

#[tokio::test]
async fn what_is_forgotten_is_let_go_of() {
    let bus = build();
    let held = Arc::new(());
    let is_held = Arc::downgrade(&held);
    bus.publish(Bought(held)).await.unwrap();
    bus.settle().await;
    // `ship` is at work with it.
    bus.forget();
    assert_eq!(Weak::strong_count(&is_held), 1);
    assert!(bus.record().iter().all(|entry| entry.event::<Bought>().is_none()));
    assert!(bus.published::<Bought>().is_empty());
    bus.advance(SECOND).await;
    // It was handled after that.
    let is_it = |entry: &&bus::testing::Entry| {
        entry.event::<Bought>().is_some_and(|b| Arc::strong_count(&b.0) == 1)
    };
    assert_eq!(bus.record().iter().filter(is_it).count(), 1);
    bus.expect::<Shipped>().at(SECOND).once();
    bus.forget();
    assert_eq!(Weak::strong_count(&is_held), 0, "the record keeps it");
    assert!(bus.tree().starts_with("Bought: published\n"), "{}", bus.tree());
}
