//! The test kit: what is said when a test fails is so, and names the fix.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use bus::prelude::*;
use bus::testing::{TestBus, check_wiring};

#[event]
struct Slept;
#[handler]
async fn sleeps(_: &Slept) {
    tokio::time::sleep(Duration::from_secs(3600)).await;
}
#[event]
struct Waits;
#[handler]
async fn waits(_: &Waits) {}

/// What a failing expectation says.
fn fails(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("it should fail");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[tokio::test]
async fn who_has_not_settled_holds_no_command() {
    let bus = TestBus::builder().only("testing_texts").build().unwrap();
    bus.publish(Slept).await.unwrap();
    let text = fails(|| bus.expect_none::<Waits>());
    assert!(text.contains("`bus.settle().await` comes before"), "{text}");
    assert!(!text.contains("is the future of a command held"), "{text}");
}

#[tokio::test]
async fn who_sleeps_by_another_clock_is_told_of_the_bus_s() {
    let builder = TestBus::builder().only("testing_texts");
    let bus = builder.settle_limit(Duration::from_millis(50)).build().unwrap();
    bus.publish(Slept).await.unwrap();
    let text = bus.try_settle().await.unwrap_err().to_string();
    assert!(text.contains("neither the clock of the bus nor the bus: "), "{text}");
    assert!(text.contains("`cx.sleep(..)`"), "{text}");
}

fn wiring_says(name: &str, manifest: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::write(folder.join(name), manifest).unwrap();
    fails(|| check_wiring(folder.to_str().unwrap(), name, &["testing_texts"]))
}

const LINKED: &str = r#"{
  "messages": [
    "testing_texts::Slept (event)",
    "testing_texts::Waits (event)"
  ],
  "handlers": [
    "testing_texts::sleeps: testing_texts::Slept",
    "testing_texts::waits: testing_texts::Waits"
  ]
}
"#;

/// Then there is nothing to look at.
fn is_writing() -> bool {
    std::env::var_os("BUS_MANIFEST").is_some()
}

#[test]
fn a_handler_that_was_removed_is_no_riddle() {
    if is_writing() {
        return;
    }
    let more =
        LINKED.replace("\"handlers\": [", "\"handlers\": [\n    \"testing_texts::old: a::B\",");
    let text = wiring_says("removed.json", &more);
    assert!(text.contains("  - handler testing_texts::old: a::B\n"), "{text}");
    assert!(text.contains("removed on purpose: `BUS_MANIFEST=update cargo test` writes"), "{text}");
}

#[test]
fn a_manifest_that_cannot_be_read_is_not_empty() {
    if is_writing() {
        return;
    }
    let conflict = LINKED.replace("  \"handlers\"", "<<<<<<< HEAD\n  \"handlers\"");
    let text = wiring_says("conflict.json", &conflict);
    assert!(text.contains("cannot be read: line 6 is `<<<<<<< HEAD`"), "{text}");
    assert!(text.contains("`BUS_MANIFEST=update cargo test` writes"), "{text}");
    let text = wiring_says("minified.json", "{\"messages\":[],\"handlers\":[]}");
    assert!(text.contains("cannot be read: line 1 is `{\"messages\":"), "{text}");
    let text = wiring_says("empty.json", "");
    assert!(text.contains("cannot be read: it has no `messages`"), "{text}");
    // Written on another system.
    fs::write(
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("crlf.json"),
        LINKED.replace('\n', "\r\n"),
    )
    .unwrap();
    check_wiring(env!("CARGO_TARGET_TMPDIR"), "crlf.json", &["testing_texts"]);
}
