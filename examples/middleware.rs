//! A payment desk, seen from its middleware: who may pay, what is valid, what is written down, what is
//! answered from memory, and what is tried again. `cargo run --example middleware`

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bus::prelude::*;
use bus::{
    Call, Ended, Handled, HookCall, Invalid, Layer, Next, Principal, RetryConfig, Validate, hook,
    middleware,
};

#[command(output = u64, error = PayError)]
struct Pay {
    to: String,
    cents: i64,
}
#[command(output = i64)]
struct Balance {
    of: String,
}
#[event]
struct Paid {
    to: String,
    cents: i64,
}

#[derive(Debug, thiserror::Error)]
enum PayError {
    #[error("the bank is busy")]
    Busy,
    #[error("there is no account {0}")]
    NoAccount(String),
}

impl Validate for Pay {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.unless(!self.to.is_empty(), "to", "is empty");
        invalid.unless(self.cents > 0, "cents", "must be more than 0");
    }
}

/// What the bank knows. It is busy every third time that it is asked to pay.
#[derive(Default)]
struct Bank(Mutex<(HashMap<String, i64>, u32)>);

impl Bank {
    fn open(&self) -> MutexGuard<'_, (HashMap<String, i64>, u32)> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[resource]
fn bank() -> Bank {
    let bank = Bank::default();
    bank.open().0.extend([("ada".to_owned(), 0), ("bob".to_owned(), 0)]);
    bank
}

/// Only this handler is tried again: it borrows the command, so it can be called twice.
#[handler(middleware = middleware::retry(RetryConfig {
    initial_delay: Duration::from_millis(1),
    ..RetryConfig::default()
}).only_if(|ended| matches!(ended, Ended::Failed(error)
    if matches!(error.downcast_ref(), Some(PayError::Busy)))))]
async fn pay(pay: &Pay, bank: &Res<Bank>, emit: Emit<Paid>) -> Result<u64, PayError> {
    emit.send(Paid { to: pay.to.clone(), cents: pay.cents }); // of the attempt that succeeds alone
    tokio::task::yield_now().await;
    let (accounts, asked) = &mut *bank.open();
    *asked += 1;
    if *asked % 3 == 1 {
        return Err(PayError::Busy);
    }
    let account = accounts.get_mut(&pay.to).ok_or_else(|| PayError::NoAccount(pay.to.clone()))?;
    *account += pay.cents;
    Ok(u64::from(*asked))
}

#[handler]
fn balance(balance: &Balance, bank: &Res<Bank>) -> bus::Result<i64> {
    bank.open().0.get(&balance.of).copied().ok_or_else(|| bus::Error::msg("no such account"))
}

#[handler]
fn tell(paid: &Paid) {
    println!("    {} got {} cents", paid.to, paid.cents);
}

/// What was asked for, by whom, and what came of it.
#[derive(Default)]
struct Audit(Mutex<Vec<String>>);
#[resource]
fn audit_log() -> Audit {
    Audit::default()
}

/// Around every command, outside of all that may refuse it: a refusal is written down too.
#[middleware(on = commands, priority = 100)]
async fn audit(call: &mut Call<'_>, next: Next, log: &Res<Audit>) -> Handled {
    let who = call.principal().map_or("nobody", Principal::id);
    let handled = next.run(call).await;
    let how = call.ended().map(|ended| ended.to_string()).unwrap_or_default();
    let line = format!("{} for {who} {how}", call.info().short_name());
    log.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line);
    handled
}

/// Balances that were asked for before, until somebody is paid.
#[derive(Default)]
struct Remembered(Mutex<HashMap<String, i64>>);
#[resource]
fn remembered() -> Remembered {
    Remembered::default()
}

/// Answers in place of the handler what it knows.
#[middleware(on = Balance)]
async fn remember(call: &mut Call<'_>, next: Next, known: &Res<Remembered>) -> Handled {
    let Some(of) = call.get::<Balance>().map(|balance| balance.of.clone()) else {
        return next.run(call).await;
    };
    let lock = || known.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let known = lock().get(&of).copied();
    if let Some(cents) = known {
        println!("    (remembered)");
        return call.reply::<Balance>(Ok(cents));
    }
    let handled = next.run(call).await;
    if let Some(Ok(cents)) = call.result::<Balance>() {
        lock().insert(of, *cents);
    }
    handled
}

/// Told of each run, without a future: a balance that has changed is not remembered.
#[hook(on = Pay)]
fn forget(call: &HookCall<'_>, ended: &Ended<'_>) {
    println!("    pay, attempt {}: {ended}", call.context().attempt());
    if ended.is_ok()
        && let Ok(known) = call.context().resource::<Remembered>()
    {
        known.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let timing = middleware::timing();
    let bus = Bus::builder()
        .middleware(Layer::new(timing.clone()).on_commands())
        .middleware(Layer::new(middleware::require_principal()).on::<Pay>().priority(50))
        .middleware(middleware::validation())
        .build()?;
    let clerk = Principal::new("carol");
    let orders = [("ada", 500, true), ("ada", 700, false), ("", -1, true), ("eve", 5, true)];
    for (to, cents, signed_in) in orders {
        println!("pay {cents} to `{to}`");
        let call = bus.execute(Pay { to: to.to_owned(), cents });
        let call = if signed_in { call.principal(clerk.clone()) } else { call };
        match call.await {
            Ok(receipt) => println!("    receipt {receipt}"),
            Err(error) => println!("    {error}"),
        }
        bus.idle().await;
        println!("    balance of ada: {}", bus.execute(Balance { of: "ada".into() }).await?);
    }
    println!("written down:");
    for line in &*bus.resource::<Audit>()?.0.lock().map_err(|_| "the log is lost")? {
        println!("    {line}");
    }
    println!("calls that came through to a handler's own middleware:");
    for row in timing.stats() {
        println!("    {}: {} calls, {} failed", row.handler.name, row.calls, row.failed);
    }
    let described = bus.describe();
    let pay = described.messages.iter().find(|message| message.short_name == "Pay");
    let around = pay.map(|pay| pay.handlers[0].middleware.join(" > "));
    println!("around `pay`: {}", around.unwrap_or_default());
    bus.shutdown().await;
    Ok(())
}
