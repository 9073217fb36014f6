//! The contenders, each adding one to a number: the work is nothing, the way to it is measured.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bus::{Bus, Call, Ended, Handled, Hook, HookCall, Middleware, Next, Res, async_trait};
use tokio::sync::{mpsc, oneshot};
use tower::retry::Policy;
use tower::retry::budget::{Budget, TpsBudget};
use tower::util::BoxCloneService;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};

/// What every handler uses, so that it is not optimised away.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One step.
    pub fn add(&self, n: u64) -> u64 {
        self.0.fetch_add(n, Ordering::Relaxed) + n
    }
}

#[bus::resource]
fn counter() -> Counter {
    Counter::default()
}

/// Handled by an `async fn`.
#[derive(Debug)]
#[bus::command(output = u64)]
pub struct AddAsync(pub u64);
/// Handled by a plain `fn`.
#[derive(Debug)]
#[bus::command(output = u64)]
pub struct AddPlain(pub u64);
/// Handled by an `async fn` that borrows it.
#[derive(Debug)]
#[bus::command(output = u64)]
pub struct AddLent(pub u64);
/// Handled by one plain handler.
#[derive(Debug)]
#[bus::event]
pub struct Added(pub u64);

#[bus::handler]
async fn add_async(command: AddAsync, counter: &Res<Counter>) -> bus::Result<u64> {
    Ok(counter.add(command.0))
}
/// Adds.
#[bus::handler]
pub async fn add_lent(command: &AddLent, counter: &Res<Counter>) -> bus::Result<u64> {
    Ok(counter.add(command.0))
}
/// Adds.
#[bus::handler]
pub fn add_plain(command: &AddPlain, counter: &Res<Counter>) -> bus::Result<u64> {
    Ok(counter.add(command.0))
}
#[bus::handler]
fn added(event: &Added, counter: &Res<Counter>) {
    counter.add(event.0);
}

/// Handled by four async handlers, all ready at once.
#[derive(Debug)]
#[bus::event]
pub struct AddedByFour(pub u64);

macro_rules! four {
    ($($name:ident)*) => { $(
        #[bus::handler]
        async fn $name(event: &AddedByFour, counter: &Res<Counter>) {
            counter.add(event.0);
        }
    )* };
}
four!(one two three four);

/// The bus with its default settings.
///
/// # Panics
/// If the wiring above is wrong.
#[must_use]
#[allow(clippy::missing_panics_doc, clippy::unwrap_used)]
pub fn bus() -> Bus {
    Bus::from_registered().unwrap()
}

/// The same, with something around its handlers.
///
/// # Panics
/// If that is wrong.
#[must_use]
#[allow(clippy::missing_panics_doc, clippy::unwrap_used)]
pub fn with(around: impl FnOnce(bus::Builder) -> bus::Builder) -> Bus {
    around(Bus::builder()).build().unwrap()
}

/// A hook that looks at what it is told.
#[derive(Debug)]
pub struct Watches;

impl Hook for Watches {
    fn before(&self, call: &HookCall<'_>) {
        black_box(call.info());
    }
    fn after(&self, _: &HookCall<'_>, ended: &Ended<'_>) {
        black_box(ended.is_ok());
    }
}

/// A middleware that looks at the end.
#[derive(Debug)]
pub struct Passes;

#[async_trait]
impl Middleware for Passes {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let handled = next.run(call).await;
        black_box(call.is_ok());
        handled
    }
}

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a user writes by hand: the yardstick.
pub trait Handler: Send + Sync {
    /// Handles.
    fn handle<'a>(&'a self, n: u64) -> BoxFuture<'a, Result<u64, bus::Error>>;
}

impl Handler for Counter {
    fn handle<'a>(&'a self, n: u64) -> BoxFuture<'a, Result<u64, bus::Error>> {
        Box::pin(async move { Ok(self.add(n)) })
    }
}

/// tower's cheapest dynamic service.
#[must_use]
pub fn tower_service() -> BoxCloneService<u64, u64, bus::Error> {
    static COUNTER: Counter = Counter(AtomicU64::new(0));
    BoxCloneService::new(tower::service_fn(|n| async move { Ok(COUNTER.add(n)) }))
}

/// One call, as tower wants it.
///
/// # Errors
/// Never.
pub async fn tower_call<E>(service: &mut BoxCloneService<u64, u64, E>, n: u64) -> Result<u64, E> {
    service.ready().await?.call(n).await
}

/// tower's layers of the same purpose as those of a resilient bus, but for a circuit breaker, of which it
/// has none: a timeout, an attempt's timeout, retries with a budget, and a limit of what runs at once.
#[must_use]
pub fn tower_layers() -> BoxCloneService<u64, u64, BoxError> {
    static COUNTER: Counter = Counter(AtomicU64::new(0));
    let service = ServiceBuilder::new()
        .timeout(Duration::from_secs(30))
        .retry(Again { left: 3, budget: Arc::new(TpsBudget::default()) })
        .timeout(Duration::from_secs(1))
        .concurrency_limit(4)
        .service_fn(|n| async move { Ok::<_, bus::Error>(COUNTER.add(n)) });
    BoxCloneService::new(service)
}

/// As often as is left, within the budget.
#[derive(Clone)]
struct Again {
    left: u32,
    budget: Arc<TpsBudget>,
}

impl Policy<u64, u64, BoxError> for Again {
    type Future = std::future::Ready<()>;

    fn retry(&mut self, _: &mut u64, result: &mut Result<u64, BoxError>) -> Option<Self::Future> {
        if result.is_ok() {
            self.budget.deposit();
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        self.budget.withdraw().then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, n: &u64) -> Option<u64> {
        Some(*n)
    }
}

/// An actor by hand: a task with a channel, and a channel for each answer.
#[must_use]
pub fn actor() -> mpsc::Sender<(u64, oneshot::Sender<u64>)> {
    let (sender, mut receiver) = mpsc::channel::<(u64, oneshot::Sender<u64>)>(1024);
    tokio::spawn(async move {
        let counter = Counter::default();
        while let Some((n, answer)) = receiver.recv().await {
            let _ = answer.send(counter.add(n));
        }
    });
    sender
}

/// One call of the actor.
pub async fn ask(actor: &mpsc::Sender<(u64, oneshot::Sender<u64>)>, n: u64) -> Option<u64> {
    let (sender, receiver) = oneshot::channel();
    actor.send((n, sender)).await.ok()?;
    receiver.await.ok()
}
