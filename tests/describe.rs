//! A bus describes itself: what it says is what runs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{Bus, Emit, FilterView, HandlerOptions, OwnedContext, command, event, filters, handler};
use proptest::prelude::*;

#[command(output = u64, kind = create, version = 3)]
struct PlaceOrder;
#[event]
#[derive(Debug, Clone)]
struct OrderPlaced;
#[event(kind = integration, name = "invoices.sent")]
struct InvoiceSent;
#[event]
struct Forgotten;

#[handler(timeout = "5s")]
async fn place_order(
    _: PlaceOrder,
    emit: Emit<OrderPlaced>,
    lost: Emit<Forgotten>,
) -> bus::Result<u64> {
    emit.send(OrderPlaced);
    lost.send(Forgotten);
    Ok(7)
}
#[handler(priority = 5, concurrency = 4, filter = always)]
async fn invoice(_: &OrderPlaced, emit: Emit<InvoiceSent>) {
    emit.send(InvoiceSent);
}
#[handler]
fn count(_: &OrderPlaced) {}
#[handler]
fn archive(_: &InvoiceSent) {}

fn always(_: &FilterView<'_>) -> bool {
    true
}

/// The description, without the lines of this file, which change with it.
fn text(bus: &Bus) -> String {
    let text = bus.describe().to_string();
    let lines = text.lines().map(|line| {
        let (before, after) = line.split_once("tests/describe.rs:").unwrap_or((line, ""));
        let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
        let file = if after.is_empty() && before == line { "" } else { "here" };
        format!("{before}{file}{after}\n")
    });
    lines.collect()
}

#[tokio::test]
async fn the_text_says_all_of_it() {
    let bus = Bus::builder().filter(filters::sample(1.0)).build().unwrap();
    let _session = bus
        .session("job-1")
        .on_event_with(
            HandlerOptions::new().priority(9).name("own"),
            |_: Arc<OrderPlaced>, _: OwnedContext| std::future::ready(()),
        )
        .open()
        .await
        .unwrap();
    assert_eq!(
        text(&bus),
        "\
filter sample 1
command describe::PlaceOrder (create, version 3) at here
     0  `place_order` at here, timeout 5s, emits describe::OrderPlaced, describe::Forgotten
event describe::Forgotten (domain, version 1) at here
        nobody handles it
event describe::OrderPlaced (domain, version 1, Clone, Debug) at here
     9  `own` at here, of session job-1
     5  `invoice` at here, 4 at once, behind always, emits invoices.sent
     0  `count` at here
event describe::circle::Ping (domain, version 1) at here
        nobody handles it
event describe::circle::Pong (domain, version 1) at here
        nobody handles it
event invoices.sent (integration, version 1) at here
     0  `archive` at here
"
    );
    let plain = bus.describe().messages.into_iter().flat_map(|m| m.handlers);
    let plain: Vec<_> = plain.filter(|handler| handler.is_plain).map(|h| h.name).collect();
    assert_eq!(plain, ["count", "archive"]);
}

#[test]
fn the_graph_has_the_edges_that_are_declared() {
    let bus = Bus::from_registered().unwrap();
    assert_eq!(
        bus.describe().to_mermaid(),
        "\
flowchart LR
    m0[\"PlaceOrder\"]
    m1([\"Forgotten\"])
    m2([\"OrderPlaced\"])
    m3([\"InvoiceSent\"])
    m0 --> h0{{\"place_order\"}}
    m2 --> h1{{\"invoice\"}}
    m2 --> h2{{\"count\"}}
    m3 --> h3{{\"archive\"}}
    h0 --> m2
    h0 --> m1
    h1 --> m3
"
    );
    let dot = bus.describe().to_dot();
    assert!(
        dot.starts_with(
            "digraph bus {\n    rankdir=LR;\n    m0 [shape=box, label=\"PlaceOrder\"];"
        ),
        "{dot}"
    );
    assert_eq!(dot.matches(" -> ").count(), 7);
    assert!(dot.contains("    h1 -> m3;\n") && dot.ends_with("}\n"), "{dot}");
}

#[test]
fn an_event_without_a_listener_is_a_warning_of_the_wiring() {
    let bus = Bus::from_registered().unwrap();
    let warnings = bus.wiring().warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("event describe::Forgotten is emitted by handler `place_order` at")
    );
}

mod circle {
    use super::*;
    #[event]
    pub(super) struct Ping;
    #[event]
    pub(super) struct Pong;
    #[handler(manual)]
    pub(super) fn ping(_: &Ping, emit: Emit<Pong>) {
        emit.send(Pong);
    }
    #[handler(manual)]
    pub(super) fn pong(_: &Pong, emit: Emit<Ping>) {
        emit.send(Ping);
    }
}

#[test]
fn a_cycle_is_a_warning_of_the_wiring() {
    let bus = Bus::builder().handler::<circle::ping>().handler::<circle::pong>().build().unwrap();
    let warnings = bus.wiring().warnings().join("\n");
    let cycle =
        "without end: describe::circle::Ping -> describe::circle::Pong -> describe::circle::Ping";
    assert!(warnings.contains(cycle), "{warnings}");
}

/// Where each handler is registered, and with which priority.
fn handlers() -> impl Strategy<Value = Vec<(usize, i8)>> {
    prop::collection::vec((0..3_usize, -2..3_i8), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// For an event in the innermost of three scopes, the handlers that are described are those that
    /// run, in this order.
    #[test]
    fn what_is_described_is_what_runs(handlers in handlers()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let (described, ran) = runtime.block_on(async {
            let bus = Bus::builder().without_registered().build().unwrap();
            let outer = bus.session("outer").open().await.unwrap();
            let inner = outer.session("inner").open().await.unwrap();
            let log: Arc<Mutex<Vec<String>>> = Arc::default();
            for (n, (scope, priority)) in handlers.into_iter().enumerate() {
                let name = format!("{n:02}");
                let (log, noted) = (Arc::clone(&log), name.clone());
                let options = HandlerOptions::new().priority(priority.into()).name(name);
                let run = move |_: Arc<OrderPlaced>, _: OwnedContext| {
                    let (log, noted) = (Arc::clone(&log), noted.clone());
                    async move {
                        log.lock().unwrap().push(noted);
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                };
                match scope {
                    0 => bus.register_event_handler_with(options, run).unwrap(),
                    1 => outer.register_event_handler_with(options, run).unwrap(),
                    _ => inner.register_event_handler_with(options, run).unwrap(),
                };
            }
            let described = bus.describe();
            inner.publish(OrderPlaced).and_wait().await.unwrap();
            let of_event = described.messages.into_iter().find(|m| m.short_name == "OrderPlaced");
            let names = of_event.into_iter().flat_map(|m| m.handlers).map(|handler| handler.name);
            let ran = log.lock().unwrap().clone();
            (names.collect::<Vec<_>>(), ran)
        });
        prop_assert_eq!(described, ran);
    }
}

#[test]
fn json_says_the_same() {
    let bus = Bus::from_registered().unwrap();
    let described = bus.describe();
    let json: serde_json::Value = serde_json::from_str(&described.to_json().unwrap()).unwrap();
    let messages = json["messages"].as_array().unwrap();
    assert_eq!(messages.len(), described.messages.len());
    let order = messages.iter().find(|m| m["short_name"] == "PlaceOrder").unwrap();
    assert_eq!((&order["is_command"], &order["version"]), (&true.into(), &3.into()));
    let handler = &order["handlers"][0];
    assert_eq!((&handler["name"], &handler["timeout"]), (&"place_order".into(), &5.0.into()));
    assert_eq!(
        handler["emits"],
        serde_json::json!(["describe::OrderPlaced", "describe::Forgotten"])
    );
    assert_eq!(
        (&handler["session"], &handler["filter"]),
        (&"BUS".into(), &serde_json::Value::Null)
    );
}
