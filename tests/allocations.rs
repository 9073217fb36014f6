//! What a dispatch allocates. The one test of its binary that counts runs alone.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use bus::{
    Bus, Call, Context, Ended, Handled, Hook, HookCall, Middleware, Next, Res, Resilience,
    async_trait, command, event, handler,
};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: hands everything on to the system's allocator.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Base(u64);
#[bus::resource]
fn base() -> Base {
    Base(1)
}
#[command(output = u64)]
struct Plain(u64);
#[handler]
fn plain(command: &Plain, base: &Res<Base>, _: &Context) -> bus::Result<u64> {
    Ok(command.0 + base.0)
}
#[command(output = u64)]
struct Ready(u64);
#[handler]
async fn ready(command: Ready, base: &Res<Base>) -> bus::Result<u64> {
    Ok(command.0 + base.0)
}
#[command(output = u64)]
struct Pending(u64);
#[handler]
async fn pending(command: Pending, base: &Res<Base>) -> bus::Result<u64> {
    tokio::task::yield_now().await;
    Ok(command.0 + base.0)
}

#[event]
struct Happened(u64);
#[handler(priority = 1)]
fn noticed(event: &Happened, base: &Res<Base>, _: &Context) {
    black_box(event.0 + base.0);
}
#[handler]
async fn noted(event: std::sync::Arc<Happened>, base: &Res<Base>) {
    black_box(event.0 + base.0);
}
#[handler]
async fn also(event: &Happened) -> bus::Result<()> {
    black_box(event.0);
    Ok(())
}

/// Without `unsafe`, the context of a call is behind an `Arc`.
const CONTEXT: u64 = if cfg!(feature = "no-unsafe") { 1 } else { 0 };

thread_local! {
    static TOLD: Cell<u64> = const { Cell::new(0) };
}

struct Counts;
impl Hook for Counts {
    fn before(&self, call: &HookCall<'_>) {
        TOLD.set(TOLD.get() + u64::from(call.info().is_command()));
    }
    fn after(&self, _: &HookCall<'_>, ended: &Ended<'_>) {
        TOLD.set(TOLD.get() + u64::from(ended.is_ok()));
    }
}

struct Passes;
#[async_trait]
impl Middleware for Passes {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        next.run(call).await
    }
}

async fn count(call: impl AsyncFn(u64) -> u64) -> f64 {
    const CALLS: u32 = 1000;
    for n in 0..10 {
        black_box(call(n).await);
    }
    let before = COUNT.get();
    for n in 0..CALLS {
        black_box(call(u64::from(n)).await);
    }
    (COUNT.get() - before) as f64 / f64::from(CALLS)
}

#[tokio::test(flavor = "current_thread")]
async fn a_call_of_a_handler_allocates_nothing() {
    let bus = Bus::from_registered().unwrap();
    let bus = &bus;
    let context = CONTEXT as f64;
    let plain = count(async |n| bus.execute(Plain(n)).await.unwrap()).await;
    assert_eq!(plain, context, "a plain handler");
    let ready = count(async |n| bus.execute(Ready(n)).await.unwrap()).await;
    assert_eq!(ready, context, "an async handler that is ready at once");
    let pending = count(async |n| bus.execute(Pending(n)).await.unwrap()).await;
    // Its timer is in place, and so is its future; tokio allocates what `yield_now` defers once.
    assert!(pending < context + 0.1, "an async handler that is pending: {pending}");

    // An event is one allocation, whoever handles it: it is shared. Every hundred fill the queue's
    // and the dispatcher's buffers again.
    let events = async |n: u64| {
        for _ in 0..100 {
            bus.publish(Happened(n)).await.unwrap();
        }
        bus.idle().await;
        n
    };
    let published = count(events).await / 100.0;
    let handlers = 3.0;
    assert!(published <= 1.0 + handlers * context + 0.1, "an event: {published}");

    let hooked = Bus::builder().hook(Counts).hook(Counts).hook(Counts).build().unwrap();
    let before = TOLD.get();
    let plain = count(async |n| hooked.execute(Plain(n)).await.unwrap()).await;
    assert_eq!(plain, context, "a plain handler with three hooks");
    let pending = count(async |n| hooked.execute(Pending(n)).await.unwrap()).await;
    assert!(pending < context + 0.1, "a pending handler with three hooks: {pending}");
    assert_eq!(TOLD.get() - before, 2 * 1010 * 3 * 2, "each hook was told of each call, twice");

    // A call inside of middleware is a future on the heap, and so is each of these; and the command lies apart, where
    // they find it whatever its type is.
    let wrapped = Bus::builder().middleware(Passes).middleware(Passes).middleware(Passes);
    let wrapped = wrapped.build().unwrap();
    let plain = count(async |n| wrapped.execute(Plain(n)).await.unwrap()).await;
    let contexts = context + context;
    assert_eq!(plain, 5.0 + contexts, "a plain handler inside of three middleware");
}

#[command(output = u64)]
struct Lent(u64);
#[handler(concurrency = 4)]
async fn lent(command: &Lent, base: &Res<Base>) -> bus::Result<u64> {
    Ok(command.0 + base.0)
}
#[command(output = u64)]
struct LentPending(u64);
#[handler(concurrency = 4)]
async fn lent_pending(command: &LentPending, base: &Res<Base>) -> bus::Result<u64> {
    tokio::task::yield_now().await;
    Ok(command.0 + base.0)
}

/// Retry with its budget, circuit breaker, bulkhead, both timeouts, and dead letters: where nothing fails they
/// allocate nothing.
#[tokio::test(flavor = "current_thread")]
async fn a_healthy_call_through_all_layers_allocates_no_more() {
    let all = Resilience::default().attempt_timeout(std::time::Duration::from_secs(1));
    let bus = Bus::builder().resilient(all).configure::<plain>(|plain| plain.concurrency(4));
    let bus = bus.build().unwrap();
    for handler in ["plain", "lent", "lent_pending", "noted"] {
        let text = bus.describe().to_string();
        let line = text.lines().find(|line| line.contains(&format!("`{handler}`"))).unwrap();
        let layers = ["1s an attempt", "again 3 times", "circuit breaker", "dead letters"];
        assert!(layers.iter().all(|layer| line.contains(layer)), "{line}");
    }
    let bus = &bus;
    let context = CONTEXT as f64;
    let plain = count(async |n| bus.execute(Plain(n)).await.unwrap()).await;
    assert_eq!(plain, context, "a plain handler");
    let lent = count(async |n| bus.execute(Lent(n)).await.unwrap()).await;
    assert_eq!(lent, context, "an async handler that is ready at once");
    let pending = count(async |n| bus.execute(LentPending(n)).await.unwrap()).await;
    assert!(pending < context + 0.1, "an async handler that is pending: {pending}");
    let events = async |n: u64| {
        for _ in 0..100 {
            bus.publish(Happened(n)).await.unwrap();
        }
        bus.idle().await;
        n
    };
    let published = count(events).await / 100.0;
    let handlers = 3.0;
    assert!(published <= 1.0 + handlers * context + 0.1, "an event: {published}");
}

/// Where a message was sent is told by the compiler: no frame is looked at. It costs nothing where it is not
/// asked for, which the tests above show, and else the place that it is kept in.
#[tokio::test(flavor = "current_thread")]
async fn where_a_message_was_sent_is_one_allocation_where_that_is_asked_for() {
    let bus = Bus::builder().track_callers(true).build().unwrap();
    let bus = &bus;
    let plain = count(async |n| bus.execute(Plain(n)).await.unwrap()).await;
    assert_eq!(plain, 1.0 + CONTEXT as f64, "a plain handler");
}

/// The spans, and what says that all is well, are for who wants to debug.
#[tokio::test(flavor = "current_thread")]
async fn a_subscriber_that_is_not_interested_costs_no_allocation() {
    let usual = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).finish();
    let _installed = tracing::subscriber::set_default(usual);
    let bus = Bus::from_registered().unwrap();
    let bus = &bus;
    let plain = count(async |n| bus.execute(Plain(n)).await.unwrap()).await;
    assert_eq!(plain, CONTEXT as f64, "a plain handler");
    let events = async |n: u64| {
        for _ in 0..100 {
            bus.publish(Happened(n)).await.unwrap();
        }
        bus.idle().await;
        n
    };
    let published = count(events).await / 100.0;
    assert!(published <= 3.0f64.mul_add(CONTEXT as f64, 1.1), "an event: {published}");
}
