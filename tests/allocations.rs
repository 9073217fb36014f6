//! What a dispatch allocates. The one test of its binary that counts runs alone.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use bus::{Bus, Context, Res, command, event, handler};

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
}
