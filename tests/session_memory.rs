//! What an open session holds, in bytes; and that it gives them back. Alone in its binary.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bus::{Bus, OwnedContext, event};

struct Counting;

static LIVE: AtomicI64 = AtomicI64::new(0);

fn size(layout: Layout) -> i64 {
    i64::try_from(layout.size()).unwrap_or(i64::MAX)
}

// SAFETY: hands everything on to the system's allocator.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(size(layout), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(size(layout), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[event]
struct Heard;

/// Bytes that each of so many sessions holds, its name and its guard included, and what is left of
/// all of them when they have ended.
async fn measure(bus: &Bus, sessions: usize, with_handler: bool) -> (i64, i64) {
    // What grows once, has.
    drop(open(bus, 100, with_handler).await);
    bus.idle().await;
    let before = LIVE.load(Ordering::Relaxed);
    let open = open(bus, sessions, with_handler).await;
    let each = (LIVE.load(Ordering::Relaxed) - before) / i64::try_from(sessions).unwrap();
    // Not all at once: the runtime's own queue of tasks would grow, and stay as large.
    let mut open = open.into_iter();
    while open.by_ref().take(100).count() > 0 {
        bus.idle().await;
    }
    drop(open);
    (each, LIVE.load(Ordering::Relaxed) - before)
}

async fn open(bus: &Bus, sessions: usize, with_handler: bool) -> Vec<bus::SessionGuard> {
    let mut open = Vec::with_capacity(sessions);
    for _ in 0..sessions {
        let mut session = bus.session(None);
        if with_handler {
            session = session.on_event(|_: Arc<Heard>, _: OwnedContext| std::future::ready(()));
        }
        open.push(session.open().await.unwrap());
    }
    open
}

#[tokio::test(flavor = "current_thread")]
async fn a_session_is_small_and_gives_its_memory_back() {
    let bus = Bus::from_registered().unwrap();
    let (empty, left) = measure(&bus, 100_000, false).await;
    println!("an open session: {empty} bytes; left of 100 000: {left} bytes");
    assert!(empty <= 500, "an open session holds {empty} bytes");
    assert!(left < 20_000, "100 000 sessions have left {left} bytes behind");
    let (one, left) = measure(&bus, 10_000, true).await;
    println!("with a handler of its own: {one} bytes; left of 10 000: {left} bytes");
    assert!(one <= 1500, "an open session with one handler holds {one} bytes");
    assert!(left < 20_000, "10 000 sessions have left {left} bytes behind");
}
