//! Dead letters: what became of them, and how long their handlers were at work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bus::testing::TestBus;
use bus::{Context, DeadLetterId, Emit, Error, MessageId, Res, command, event, handler, resource};

use super::bus;

struct Mailer {
    is_up: AtomicBool,
}
#[resource]
fn mailer() -> Mailer {
    Mailer { is_up: AtomicBool::new(false) }
}

#[command(retry(max_retries = 2, initial_delay = "1ms", jitter = none))]
struct Send;
#[handler]
async fn send(_: &Send, cx: &Context, mailer: &Res<Mailer>) -> bus::Result<()> {
    work(cx, mailer.is_up.load(Ordering::Relaxed)).await
}

#[command]
struct Pay;
#[handler]
async fn pay(_: Pay, emit: Emit<Paid>) -> bus::Result<()> {
    emit.send(Paid { to: "ada" });
    Ok(())
}
#[event]
struct Paid {
    to: &'static str,
}
#[handler(retry(max_retries = 2, initial_delay = "1ms", jitter = none))]
async fn confirm(
    event: &Paid,
    cx: &Context,
    mailer: &Res<Mailer>,
    emit: Emit<Confirmed>,
) -> bus::Result<()> {
    emit.send(Confirmed);
    work(cx, event.to == "grace" || mailer.is_up.load(Ordering::Relaxed)).await
}
#[event]
struct Confirmed;
#[handler]
fn confirmed(_: &Confirmed) {}

async fn work(cx: &Context, is_up: bool) -> bus::Result<()> {
    cx.sleep(Duration::from_millis(1)).await;
    if is_up { Ok(()) } else { Err(Error::permanent(Error::msg("no mail server"))) }
}

/// A payment whose mail could not be sent.
async fn unpaid() -> (TestBus, MessageId, DeadLetterId) {
    let bus = bus(|builder| builder.trace_history(100));
    let id = bus.run(bus.execute(Pay).detailed()).await.command_id;
    bus.run(bus.idle()).await;
    let letter = bus.dead_letters().list()[0].id;
    has(&bus, id, &[&format!(": no mail server, 1 attempt, 1ms, dead letter {letter}")]);
    (bus, id, letter)
}

fn has(bus: &TestBus, id: MessageId, ends: &[&str]) {
    let text = bus.trace_tree(id).to_string();
    for end in ends {
        assert!(text.lines().any(|line| line.ends_with(end)), "{end}:\n{text}");
    }
}

#[tokio::test]
async fn the_time_it_lay_there_is_no_work() {
    let bus = bus(|builder| builder.trace_history(100));
    let report = bus.run(bus.execute(Send).detailed()).await;
    let letter = report.result.unwrap_err().dead_letter().unwrap();
    has(
        &bus,
        report.command_id,
        &[&format!(": no mail server, 1 attempt, 1ms, dead letter {letter}")],
    );
    bus.advance(Duration::from_secs(3_600)).await;
    bus.run(bus.dead_letters().retry(letter)).await.unwrap_err();
    has(
        &bus,
        report.command_id,
        &[&format!(": no mail server, 2 attempts, 2ms, dead letter {letter}")],
    );
    bus.advance(Duration::from_secs(3_600)).await;
    bus.resource::<Mailer>().unwrap().is_up.store(true, Ordering::Relaxed);
    bus.run(bus.dead_letters().retry(letter)).await.unwrap();
    has(&bus, report.command_id, &[&format!(": ok, 3 attempts, 3ms, was dead letter {letter}")]);
}

/// What follows from it too.
#[tokio::test]
async fn one_that_was_retried_with_success_is_no_dead_letter_any_more() {
    let (bus, id, letter) = unpaid().await;
    bus.resource::<Mailer>().unwrap().is_up.store(true, Ordering::Relaxed);
    bus.run(bus.dead_letters().retry(letter)).await.unwrap();
    bus.run(bus.idle()).await;
    has(&bus, id, &[&format!(": ok, 2 attempts, 2ms, was dead letter {letter}")]);
    let text = bus.trace_tree(id).to_string();
    let last: Vec<_> = text.lines().skip(4).collect();
    assert!(last[0].starts_with("   └─ event trace_tree::letters::Confirmed "), "{text}");
    assert!(last[1].starts_with("      └─ by confirmed "), "{text}");
    assert_eq!(last.len(), 2, "{text}");
}

#[tokio::test]
async fn one_that_was_discarded_is_not_there_any_more() {
    let (bus, id, letter) = unpaid().await;
    bus.dead_letters().discard(letter).unwrap();
    has(&bus, id, &[&format!(": no mail server, 1 attempt, 1ms, was dead letter {letter}")]);
}

#[tokio::test]
async fn a_copy_that_was_put_right_stands_below_the_original() {
    let (bus, id, letter) = unpaid().await;
    let edited = bus.dead_letters().edit_and_retry(letter, |_: &Paid| Paid { to: "grace" });
    let copy = bus.run(edited).await.unwrap().message_id;
    bus.run(bus.idle()).await;
    let text = bus.trace_tree(id).to_string();
    let lines: Vec<_> = text.lines().skip(2).collect();
    let expected = [
        ("└─ event trace_tree::letters::Paid ", ""),
        (
            "   ├─ by confirm ",
            &*format!(": no mail server, 1 attempt, 1ms, was dead letter {letter}"),
        ),
        (
            &*format!("   └─ event trace_tree::letters::Paid {copy}"),
            &*format!(" (a copy, in place of dead letter {letter})"),
        ),
        ("      ├─ by confirm ", ": ok, 1 attempt, 1ms"),
        ("      └─ event trace_tree::letters::Confirmed ", ""),
        ("         └─ by confirmed ", ": ok, 1 attempt, 0ns"),
    ];
    assert_eq!(lines.len(), expected.len(), "{text}");
    for (line, (begin, end)) in lines.iter().zip(expected) {
        assert!(line.starts_with(begin) && line.ends_with(end), "{line}\n{text}");
    }
}

#[event(key = "order")]
struct Step {
    order: u32,
    is_good: bool,
}
#[handler(retry(max_retries = 1))]
async fn step(event: &Step, cx: &Context) -> bus::Result<()> {
    work(cx, event.is_good && event.order == 1).await
}

/// It has a letter before anything else is told of its handler.
#[tokio::test]
async fn one_that_is_parked_has_one_line() {
    let bus = bus(|builder| builder.trace_history(100));
    bus.publish(Step { order: 1, is_good: false }).await.unwrap();
    let parked = bus.publish(Step { order: 1, is_good: true }).await.unwrap().id;
    bus.run(bus.idle()).await;
    let letters = bus.dead_letters().list();
    let behind = "was not called, as a dead letter comes before it, 0 attempts, 0ns";
    has(&bus, parked, &[&format!(": {behind}, dead letter {}", letters[1].id)]);
    bus.dead_letters().discard(letters[0].id).unwrap();
    bus.run(bus.idle()).await;
    has(&bus, parked, &[&format!(": ok, 1 attempt, 1ms, was dead letter {}", letters[1].id)]);
    assert_eq!(bus.trace_tree(parked).to_string().lines().count(), 2);
}

/// Nobody has to forget them by hand.
#[tokio::test]
async fn of_many_copies_the_last_ones_are_shown() {
    let (bus, id, letter) = unpaid().await;
    for _ in 0..20 {
        let edited = bus.dead_letters().edit_and_retry(letter, |_: &Paid| Paid { to: "ada" });
        bus.run(edited).await.unwrap_err();
    }
    let text = bus.trace_tree(id).to_string();
    assert_eq!(text.matches("(a copy, in place of dead letter").count(), 16, "{text}");
}
