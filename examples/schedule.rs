//! Invoices and their reminders: taken back when somebody pays, moved when somebody asks; a heartbeat, a cron
//! job, and quotes that expire. In real time, for a bit more than a second. `cargo run --example schedule`

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bus::prelude::*;
use bus::{DropReason, EventsDroppedEvent, Scheduled};
use tokio::time::sleep;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How long a customer has before a reminder is sent.
const PATIENCE: Duration = ms(300);
/// The time between two heartbeats.
const BEAT: Duration = ms(100);

#[command]
struct SendInvoice {
    invoice: u32,
}
/// Was it in time, before the reminder?
#[command(output = bool)]
struct Pay {
    invoice: u32,
}
#[command(output = bool)]
struct Postpone {
    invoice: u32,
    by: Duration,
}
#[event]
struct Remind {
    invoice: u32,
}

/// The reminders that are scheduled, by invoice.
struct Desk {
    start: Instant,
    reminders: Mutex<BTreeMap<u32, Scheduled>>,
}
#[resource]
fn desk() -> Desk {
    Desk { start: Instant::now(), reminders: Mutex::default() }
}

impl Desk {
    fn reminders(&self) -> MutexGuard<'_, BTreeMap<u32, Scheduled>> {
        self.reminders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After so many tenths of a second. Where nobody reads it, that is no reason for a handler to fail.
    fn say(&self, what: impl std::fmt::Display) {
        let _ = writeln!(io::stdout(), "{:.1} s  {what}", self.start.elapsed().as_secs_f32());
    }
}

#[handler]
async fn send_invoice(
    command: SendInvoice,
    cx: &Context,
    desk: &Res<Desk>,
) -> Result<(), PublishError<Remind>> {
    let invoice = command.invoice;
    let reminder = cx.publish(Remind { invoice }).after(PATIENCE).await?;
    desk.reminders().insert(invoice, reminder);
    Ok(())
}

#[handler]
fn pay(command: Pay, desk: &Res<Desk>) -> bus::Result<bool> {
    let reminder = desk.reminders().remove(&command.invoice);
    let reminder = reminder.ok_or_else(|| bus::Error::msg("there is no such invoice"))?;
    let in_time = reminder.cancel();
    let when = if in_time { "no reminder" } else { "after its reminder" };
    desk.say(format_args!("invoice {} is paid: {when}", command.invoice));
    Ok(in_time)
}

#[handler]
fn postpone(command: Postpone, desk: &Res<Desk>) -> bus::Result<bool> {
    let reminders = desk.reminders();
    let reminder = reminders.get(&command.invoice);
    let reminder = reminder.ok_or_else(|| bus::Error::msg("there is no such invoice"))?;
    Ok(reminder.reschedule(command.by))
}

#[handler]
fn remind(event: &Remind, desk: &Res<Desk>) {
    desk.say(format_args!("a reminder of invoice {}", event.invoice));
}

/// Comes again and again. The third time takes long.
#[event(kind = system)]
struct Heartbeat;

#[derive(Default)]
struct Beats(Mutex<Vec<Instant>>);
#[resource]
fn beats() -> Beats {
    Beats::default()
}

#[handler]
async fn beat(_: &Heartbeat, beats: &Res<Beats>) {
    let count = {
        let mut beats = beats.0.lock().unwrap_or_else(PoisonError::into_inner);
        beats.push(Instant::now());
        beats.len()
    };
    if count == 3 {
        sleep(BEAT * 7 / 2).await;
    }
}

/// By the clock on the wall: each full second.
#[event(kind = system)]
struct NewSecond;
#[handler]
fn new_second(_: &NewSecond, desk: &Res<Desk>) -> bus::Result<()> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    desk.say(format_args!("cron: second {} of its minute", now.as_secs() % 60));
    Ok(())
}

/// Each night at three, in UTC.
#[event(kind = system)]
struct CloseBooks;
#[handler]
fn close_books(_: &CloseBooks, desk: &Res<Desk>) {
    desk.say("the books are closed");
}

/// A price holds for 100 ms: who cannot work on it by then must not.
#[event(ttl = "100ms")]
struct Quote {
    number: u32,
}
#[handler(concurrency = 1)]
async fn trade(quote: &Quote, desk: &Res<Desk>) {
    desk.say(format_args!("quote {} is traded", quote.number));
    sleep(ms(150)).await;
}

/// Whatever is not handled is said, with its reason.
#[handler]
fn lost(event: &EventsDroppedEvent, desk: &Res<Desk>) {
    let EventsDroppedEvent { event, reason, count, .. } = event;
    match reason {
        DropReason::NotDue => desk.say(format_args!("not due any more: {count} of {event}")),
        reason => desk.say(format_args!("lost: {count} of {event}: {reason}")),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bus = Bus::from_registered()?;
    let desk = bus.resource::<Desk>()?;

    let begun = Instant::now();
    let heartbeat = bus.publish(Heartbeat).every(BEAT).await?;
    let seconds = bus.publish(NewSecond).cron("* * * * * *").await?;
    let nightly = bus.publish(CloseBooks).cron("0 3 * * *").await?;
    if let Err(error) = bus.publish(CloseBooks).cron("at three").await {
        desk.say(error);
    }

    for invoice in 1..=4 {
        bus.execute(SendInvoice { invoice }).await?;
    }
    bus.execute(Pay { invoice: 1 }).await?;
    let moved = bus.execute(Postpone { invoice: 2, by: ms(800) }).await?;
    let kept = bus.execute(Postpone { invoice: 4, by: ms(3_600_000) }).await?;
    desk.say(format_args!("invoices 2 and 4 are postponed: {moved}, {kept}"));
    // Three quotes at once, for one who trades one at a time.
    for number in 1..=3 {
        bus.publish(Quote { number }).await?;
    }

    sleep(ms(500)).await;
    bus.execute(Pay { invoice: 3 }).await?;
    sleep(ms(700)).await;

    heartbeat.cancel();
    let beats = {
        let beats = bus.resource::<Beats>()?;
        let beats = beats.0.lock().unwrap_or_else(PoisonError::into_inner);
        beats.iter().map(|beat| beat.duration_since(begun)).collect::<Vec<_>>()
    };
    // The last one is as many periods away as there would have been beats.
    let due = beats.last().map_or(0, |last| last.as_millis() / BEAT.as_millis());
    let (came, due) = (beats.len(), usize::try_from(due)?);
    desk.say(format_args!("heartbeat: {came} of {due} came, {} were skipped", due - came));
    seconds.cancel();
    desk.say(format_args!("the books are still to be closed: {}", nightly.is_pending()));

    let expired = bus.stats().expired;
    let report = bus.shutdown().await;
    println!("{expired} quotes expired, {} reminder was not due", report.not_due);
    println!("{report}");
    Ok(())
}
