//! A bank that does not answer for ten seconds, while payments and deliveries go on: retries, a circuit breaker,
//! events that wait, and dead letters that are run again. On a clock that stands still until something is
//! due, so that a minute takes no time: `cargo run --example resilience`

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bus::prelude::*;
use bus::{
    CircuitStateChangedEvent, Classify, DeadLetterStats, DeadLetteredEvent, ErrorClass, RetryError,
    Select, Stats,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// How many payments and deliveries come, and how far apart.
const OFFERED: u32 = 120;
const APART: Duration = Duration::from_millis(250);
/// From when until when the bank does not answer.
const OUTAGE: std::ops::Range<u64> = 10..20;
/// The card of this order is declined, whatever the bank is like.
const DECLINED: u32 = 8;

/// The jitter is off so that each run is the same; leave it on where there are others.
#[command(output = u64, error = BankError, attempt_timeout = "2s",
    retry(max_retries = 3, initial_delay = "100ms", jitter = none),
    circuit_breaker(name = "bank", window_size = "4s", recovery_timeout = "4s", success_threshold = 2))]
struct Pay {
    order: u32,
    card: &'static str,
}
#[handler]
async fn pay(command: &Pay, bank: &Res<Bank>) -> Result<u64, BankError> {
    bank.charge(command.card).await
}

/// What a courier has delivered is paid for by the bank too: the same trouble, the same breaker.
#[event]
struct Delivered;
#[handler(
    retry(max_retries = 3, initial_delay = "100ms", jitter = none),
    circuit_breaker(name = "bank", window_size = "4s", recovery_timeout = "4s", success_threshold = 2))]
async fn settle(_: &Delivered, bank: &Res<Bank>) -> Result<(), BankError> {
    bank.charge("courier").await.map(drop)
}

#[derive(Debug, thiserror::Error)]
enum BankError {
    #[error("the bank does not answer")]
    NoAnswer,
    #[error("the card was declined")]
    Declined,
}
impl Classify for BankError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::NoAnswer => ErrorClass::Transient,
            Self::Declined => ErrorClass::Permanent,
        }
    }
}

struct Bank {
    opened: Instant,
    charged: AtomicU64,
}
#[resource]
fn bank() -> Bank {
    Bank { opened: Instant::now(), charged: AtomicU64::new(0) }
}
impl Bank {
    async fn charge(&self, card: &str) -> Result<u64, BankError> {
        sleep(Duration::from_millis(20)).await;
        match card {
            _ if OUTAGE.contains(&self.opened.elapsed().as_secs()) => Err(BankError::NoAnswer),
            "stolen" => Err(BankError::Declined),
            _ => Ok(self.charged.fetch_add(1, Ordering::Relaxed) + 1),
        }
    }
    fn say(&self, what: impl fmt::Display) {
        println!("{:5.2} s  {what}", self.opened.elapsed().as_secs_f64());
    }
}

#[handler]
fn tell(change: &CircuitStateChangedEvent, bank: &Res<Bank>) {
    let CircuitStateChangedEvent { circuit, from, to, reason, .. } = change;
    bank.say(format_args!("circuit {circuit}: {from} -> {to}: {reason}"));
}
#[handler]
fn bury(letter: &DeadLetteredEvent, bank: &Res<Bank>) {
    let DeadLetteredEvent { id, handler, cause, attempts, .. } = letter;
    bank.say(format_args!("dead letter {id} of {}: {cause}, {attempts} attempts", handler.name));
}

/// How the payments have ended, by what their callers were told.
#[derive(Debug, Default, PartialEq)]
struct Told {
    paid: u64,
    refused: u64,
    buried: u64,
    /// How often the handler was called.
    attempts: u64,
}
impl Told {
    fn hear(&mut self, attempts: u32, result: &Result<u64, CommandError<BankError>>) {
        self.attempts += u64::from(attempts);
        match result {
            Ok(_) => self.paid += 1,
            Err(error) if matches!(error.kind(), CommandErrorKind::CircuitOpen { .. }) => {
                self.refused += 1;
            }
            Err(error) => self.buried += u64::from(error.dead_letter().is_some()),
        }
    }
}

/// Offers everything at its time, and says every five seconds what the bus counts.
async fn offer(bus: &Bus, bank: &Bank) -> Result<Told, Box<dyn std::error::Error>> {
    let mut payments = JoinSet::new();
    for order in 1..=OFFERED {
        bus.publish(Delivered).await?;
        let card = if order == DECLINED { "stolen" } else { "good" };
        let caller = bus.clone();
        payments.spawn(async move { caller.execute(Pay { order, card }).detailed().await });
        sleep(APART).await;
        if order % 20 == 0 {
            let Stats { published, processed, queued, .. } = bus.stats();
            bank.say(format_args!("{published} deliveries: {processed} settled, {queued} wait"));
        }
    }
    let mut told = Told::default();
    while let Some(report) = payments.join_next().await {
        let report = report?;
        told.hear(report.attempts, &report.result);
    }
    bus.idle().await;
    Ok(told)
}

/// What has become of everything, before anybody looks at the dead letters. It has to add up.
fn account(bus: &Bus, told: &Told) {
    let Told { paid, refused, buried, attempts } = *told;
    let calls = calls_of(bus, "settle");
    let letters = bus.dead_letters();
    let given_up = letters.filter(Select::new().of::<Delivered>()).len() as u64;
    let settled = bus.stats().processed;
    println!("{OFFERED} payments: {paid} paid, {refused} refused, {buried} given up");
    println!("{OFFERED} deliveries: {settled} settled, {given_up} given up");
    println!("{attempts} calls for payments, {calls} for deliveries");
    assert_eq!(paid + refused + buried, u64::from(OFFERED));
    assert_eq!(settled + given_up, u64::from(OFFERED));
    assert_eq!(letters.len() as u64, buried + given_up);
    assert_eq!(attempts, calls_of(bus, "pay"), "what callers were told is what the bus counts");
}

/// How often a handler was called: each attempt counts.
fn calls_of(bus: &Bus, handler: &str) -> u64 {
    let stats = bus.handler_stats();
    stats.iter().filter(|stats| &*stats.handler.name == handler).map(|stats| stats.runs).sum()
}

/// The bank answers again: runs all dead letters, and puts right the one that fails once more.
async fn run_again(bus: &Bus) -> Result<(), RetryError> {
    let letters = bus.dead_letters();
    for group in letters.groups_by_error() {
        println!("    {} x {}", group.count, group.key);
    }
    let report = letters.retry_all().await;
    println!("{report}");
    for (id, error) in &report.failed {
        println!("    {error}");
        let another = |pay: &Pay| {
            println!("    order {} is paid with another card", pay.order);
            Pay { card: "another", ..*pay }
        };
        letters.edit_and_retry(*id, another).await?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bus = Bus::from_registered()?;
    let bank = bus.resource::<Bank>()?;
    let told = offer(&bus, &bank).await?;
    account(&bus, &told);
    run_again(&bus).await?;

    let DeadLetterStats { buried, succeeded, present, .. } = bus.dead_letters().stats();
    println!("{buried} dead letters came, {succeeded} went well, {present} left");
    let charged = bank.charged.load(Ordering::Relaxed);
    println!("{charged} charges: each payment that was not refused, and each delivery, once");
    assert_eq!(charged, told.paid + told.buried + u64::from(OFFERED));
    println!("{}", bus.shutdown().await);
    Ok(())
}
