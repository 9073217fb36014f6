//! Circuit breakers of handlers: commands are rejected, events wait.

mod commands;
mod events;
mod whose;
mod window;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use bus::prelude::*;
use bus::testing::{TestBus, TestBusBuilder as Builder};

const SECOND: Duration = Duration::from_secs(1);

/// What all handlers here need.
#[derive(Default)]
struct Bank {
    is_down: AtomicBool,
    /// Its calls answer only when they are told to.
    hangs: AtomicBool,
    calls: AtomicU32,
}

impl Bank {
    async fn call(&self, cx: &Context) -> bus::Result<u32> {
        let n = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        while self.hangs.load(Ordering::Relaxed) {
            cx.sleep(SECOND / 10).await;
        }
        if self.is_down.load(Ordering::Relaxed) {
            return Err(bus::Error::msg("the bank does not answer"));
        }
        Ok(n)
    }
    fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }
    fn is_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }
}

#[command(output = u32, circuit_breaker(failure_threshold = 3, recovery_timeout = "10s",
    success_threshold = 2))]
struct Pay;
#[handler]
async fn pay(_: &Pay, cx: &Context, bank: &Res<Bank>) -> bus::Result<u32> {
    bank.call(cx).await
}

#[event]
struct Paid(u32);
#[handler(circuit_breaker(failure_threshold = 3, recovery_timeout = "10s", success_threshold = 2))]
async fn book(event: &Paid, cx: &Context, bank: &Res<Bank>, log: &Res<Log>) -> bus::Result<()> {
    bank.call(cx).await?;
    log.say(format!("booked {}", event.0));
    Ok(())
}
#[handler(priority = -1)]
async fn thank(event: &Paid, log: &Res<Log>) {
    log.say(format!("thanked {}", event.0));
}

#[derive(Default)]
struct Log(Mutex<Vec<String>>);
impl Log {
    fn say(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn build(set: impl FnOnce(Builder) -> Builder) -> (TestBus, Res<Bank>, Res<Log>) {
    let builder = TestBus::builder().only("circuit_breaker").provide(Bank::default());
    let bus = set(builder.provide(Log::default())).build().unwrap();
    let (bank, log) = (bus.resource().unwrap(), bus.resource().unwrap());
    (bus, bank, log)
}
#[bus::middleware(manual)]
async fn passes(call: &mut bus::Call<'_>, next: bus::Next) -> bus::Handled {
    next.run(call).await
}
