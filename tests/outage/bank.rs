//! What is down, and who needs it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use bus::prelude::*;
use bus::{CircuitBreakerConfig, CircuitState, Jitter, RetryBudget, RetryConfig};
use tokio::time::sleep;

use crate::load::Outage;

pub(crate) const MS: Duration = Duration::from_millis(1);
/// How long the breaker is open, each time.
pub(crate) const OPEN_FOR: Duration = Duration::from_secs(1);
/// How long one attempt may take.
pub(crate) const ATTEMPT: Duration = Duration::from_millis(100);
/// All attempts of a command, and what they wait for.
pub(crate) const LATE: Duration = Duration::from_millis(700);
/// How many probes have to go well.
pub(crate) const PROBES: u32 = 2;
/// Of the budget: a tenth of the calls, over this time.
pub(crate) const WINDOW: Duration = Duration::from_secs(5);
pub(crate) const RATIO: f64 = 0.1;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Trouble {
    Fails,
    /// It answers after a while, and says no.
    FailsLate,
    /// It does not answer.
    Hangs,
    /// It fails so often, in percent.
    Often(u8),
}

/// A handler, and the number of the message.
pub(crate) type Call = (&'static str, u64);

#[derive(Default)]
pub(crate) struct Bank {
    trouble: Mutex<Option<Trouble>>,
    pub(crate) state: Mutex<Calls>,
}

/// What it was asked, and how that ended.
#[derive(Default)]
pub(crate) struct Calls {
    /// Those that are no retries, ..
    pub(crate) first: u64,
    /// .. and those that are.
    pub(crate) retries: u64,
    pub(crate) well: BTreeMap<Call, u32>,
    pub(crate) inside: BTreeMap<&'static str, u32>,
    pub(crate) most_inside: BTreeMap<&'static str, u32>,
    /// What should not have been asked: the breaker was open.
    pub(crate) while_open: Vec<Call>,
    lots: Lots,
}

/// The same for the same seed.
#[derive(Default)]
pub(crate) struct Lots(pub(crate) u64);
impl Lots {
    /// Below `of`.
    pub(crate) fn draw(&mut self, of: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % of
    }
}

impl Bank {
    pub(crate) fn is_down(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap() = trouble;
    }
    pub(crate) fn seed(&self, seed: u64) {
        self.state.lock().unwrap().lots = Lots(seed);
    }

    async fn ask(&self, who: &'static str, nr: u64, bus: &Bus, cx: &Context) -> bus::Result<()> {
        let inside = Inside::enter(self, who);
        let lot = {
            let mut state = self.state.lock().unwrap();
            if bus.circuit_breaker("bank").unwrap().state() == CircuitState::Open {
                state.while_open.push((who, nr));
            }
            match cx.attempt() {
                1 => state.first += 1,
                _ => state.retries += 1,
            }
            state.lots.draw(100)
        };
        let trouble = *self.trouble.lock().unwrap();
        match trouble {
            None => sleep(5 * MS).await,
            Some(Trouble::Hangs) => std::future::pending().await,
            Some(Trouble::Often(percent)) if lot >= u64::from(percent) => sleep(5 * MS).await,
            Some(Trouble::FailsLate) => {
                sleep(60 * MS).await;
                return Err(bus::Error::msg("it says no"));
            }
            Some(_) => return Err(bus::Error::msg("it says no")),
        }
        *self.state.lock().unwrap().well.entry((who, nr)).or_default() += 1;
        drop(inside);
        Ok(())
    }
}

struct Inside<'b>(&'b Bank, &'static str);
impl<'b> Inside<'b> {
    fn enter(bank: &'b Bank, who: &'static str) -> Self {
        let mut state = bank.state.lock().unwrap();
        let inside = state.inside.entry(who).or_default();
        *inside += 1;
        let inside = *inside;
        let most = state.most_inside.entry(who).or_default();
        *most = inside.max(*most);
        Self(bank, who)
    }
}
impl Drop for Inside<'_> {
    fn drop(&mut self) {
        *self.0.state.lock().unwrap().inside.get_mut(self.1).unwrap() -= 1;
    }
}

#[command]
pub(crate) struct Charge {
    pub(crate) nr: u64,
}
#[handler(manual)]
pub(crate) async fn charge(
    charge: &Charge,
    bank: &Res<Bank>,
    bus: Bus,
    cx: &Context,
) -> bus::Result<()> {
    bank.ask("charge", charge.nr, &bus, cx).await
}
#[command]
pub(crate) struct Refund {
    pub(crate) nr: u64,
}
#[handler(manual)]
pub(crate) async fn refund(
    refund: &Refund,
    bank: &Res<Bank>,
    bus: Bus,
    cx: &Context,
) -> bus::Result<()> {
    bank.ask("refund", refund.nr, &bus, cx).await
}
#[event]
pub(crate) struct Posted {
    pub(crate) nr: u64,
}
#[handler(manual)]
pub(crate) async fn post(
    posted: &Posted,
    bank: &Res<Bank>,
    bus: Bus,
    cx: &Context,
) -> bus::Result<()> {
    bank.ask("post", posted.nr, &bus, cx).await
}
#[handler(manual)]
pub(crate) async fn report(
    posted: &Posted,
    bank: &Res<Bank>,
    bus: Bus,
    cx: &Context,
) -> bus::Result<()> {
    bank.ask("report", posted.nr, &bus, cx).await
}

pub(crate) fn bus(outage: &Outage) -> (Bus, Res<Bank>) {
    let breaker = CircuitBreakerConfig {
        failure_threshold: outage.failure_threshold,
        recovery_timeout: OPEN_FOR,
        recovery_growth: 1.0,
        success_threshold: PROBES,
        ..CircuitBreakerConfig::default()
    };
    let retry = RetryConfig {
        max_retries: outage.max_retries,
        initial_delay: 50 * MS,
        jitter: Jitter::None,
        ..RetryConfig::default()
    };
    let budget = RetryBudget::new(RATIO, outage.per_second).window(WINDOW);
    let of_all = |handler: bus::HandlerConfig| {
        let handler = handler.retry(retry).retry_budget(budget.clone()).dead_letters(true);
        handler.shared_circuit_breaker("bank", breaker).attempt_timeout(ATTEMPT)
    };
    let of_command = |handler| {
        let handler: bus::HandlerConfig = of_all(handler);
        handler.timeout(LATE).concurrency(outage.places).waiting_room(outage.room)
    };
    let builder = Bus::builder().without_registered().provide(Bank::default());
    let builder = builder.handler::<charge>().handler::<refund>();
    let builder = builder.handler::<post>().handler::<report>();
    let builder = builder.configure::<charge>(of_command).configure::<refund>(of_command);
    let builder = builder.configure::<post>(|handler| of_all(handler).concurrency(outage.places));
    let builder = builder.configure::<report>(of_all);
    let bus = builder.dead_letters(1_000_000).event_queue_size(1_000_000).build().unwrap();
    let bank: Res<Bank> = bus.resource().unwrap();
    bank.seed(outage.seed);
    (bus, bank)
}
