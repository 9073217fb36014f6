//! The test kit: a test that fails shows the messages themselves, where they can be written.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bus::prelude::*;
use bus::testing::{TestBus, expect_exactly};

#[command]
#[derive(Debug)]
struct Order {
    tea: u32,
}
#[handler]
async fn order(command: &Order, emit: Emit<Ordered>) -> bus::Result<()> {
    for tea in 0..command.tea {
        emit.send(Ordered { tea, note: "black\ntea" });
    }
    Ok(())
}
#[event]
#[derive(Debug)]
struct Ordered {
    tea: u32,
    note: &'static str,
}

#[event]
#[derive(Debug)]
struct Large(Vec<u8>);

/// Says what it likes.
#[event]
enum Told {
    Text(&'static str),
    Panics,
}
impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Panics => panic!("it cannot be written"),
        }
    }
}

#[event]
struct Silent(u32);

#[event]
#[derive(Debug)]
struct Of<T: fmt::Debug>(T);

fn build() -> TestBus {
    TestBus::builder().only("testing_values").build().unwrap()
}

/// What a failing expectation says.
fn fails(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("it should fail");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[tokio::test]
async fn the_tree_shows_messages() {
    let bus = build();
    bus.execute(Order { tea: 1 }).await.unwrap();
    bus.publish(Silent(1)).await.unwrap();
    bus.publish(Of(3)).await.unwrap();
    bus.settle().await;
    assert_eq!(
        bus.tree(),
        "\
Order { tea: 1 }: executed by order
  Ordered { tea: 0, note: \"black\\ntea\" }: published
    handled by nobody
  order succeeded
Silent: published
  handled by nobody
Of<i32>(3): published
  handled by nobody
"
    );
    let record = bus.record();
    assert_eq!(record[0].value().unwrap(), "Order { tea: 1 }");
    assert!(record.iter().any(|e| e.event::<Silent>().is_some_and(|e| e.0 == 1)));
    assert_eq!(format!("{}", record[0]), "Order { tea: 1 }: executed by order");
}

#[tokio::test]
async fn expectations_that_fail_show_what_did_not_fit() {
    let bus = build();
    bus.execute(Order { tea: 2 }).await.unwrap();
    bus.settle().await;
    let two = "\n  Ordered { tea: 0, note: \"black\\ntea\" }\n  Ordered { tea: 1, note: \"black\\ntea\" }\n";
    let text = fails(|| drop(bus.expect::<Ordered>().with(|ordered| ordered.tea == 7)));
    let start = "expected Ordered that fits the condition, and there was none:";
    assert!(text.starts_with(&format!("{start}{two}what happened:\n")), "{text}");
    let text = fails(|| drop(bus.expect::<Ordered>().once()));
    assert!(text.starts_with(&format!("expected 1x Ordered, and there were 2:{two}")), "{text}");
    let text = fails(|| bus.expect_none::<Ordered>());
    assert!(text.starts_with(&format!("expected no Ordered, and there were 2:{two}")), "{text}");
    let text = fails(|| drop(bus.expect::<Ordered>().with(|o| o.note.is_empty())));
    assert!(text.contains("  Order { tea: 2 }: executed by order\n"), "{text}");
    let text = fails(|| expect_exactly!(bus, Ordered));
    assert!(text.contains("    Ordered { tea: 1, note: "), "{text}");
    // No more than can be looked at.
    bus.execute(Order { tea: 20 }).await.unwrap();
    bus.settle().await;
    let text = fails(|| bus.expect_none::<Ordered>());
    assert!(text.contains("\n  and 12 more\nwhat happened"), "{text}");
}

#[tokio::test]
async fn chains_that_fail_show_what_did_not_fit() {
    let work = async {
        build().when(Order { tea: 1 }).then().expect::<Ordered>(|o| o.tea == 7).await.unwrap();
    };
    let error = tokio::spawn(work).await.expect_err("it should fail").into_panic();
    let text = error.downcast_ref::<String>().unwrap();
    let start =
        "expected Ordered that fits the condition, and none of 1 does:\n  Ordered { tea: 0,";
    assert!(text.starts_with(start), "{text}");
}

#[tokio::test]
async fn a_message_is_one_short_line_whatever_it_writes() {
    let bus = build();
    bus.publish(Large(vec![7; 1_000_000])).await.unwrap();
    bus.publish(Told::Text("one\ntwo")).await.unwrap();
    bus.publish(Told::Text("Tolder")).await.unwrap();
    bus.publish(Told::Panics).await.unwrap();
    bus.settle().await;
    bus.expect::<Large>().with(|large| large.0.len() == 1_000_000).once();
    let tree = bus.tree();
    let lines: Vec<_> = tree.lines().filter(|line| !line.starts_with(' ')).collect();
    let large = lines[0].strip_suffix("..: published").unwrap();
    assert!(large.starts_with("Large([7, 7, ") && large.chars().count() == 200, "{large}");
    assert_eq!(lines[1], "Told one two: published");
    assert_eq!(lines[2], "Told Tolder: published");
    assert_eq!(lines[3], "Told (its `Debug` panics): published");
}
