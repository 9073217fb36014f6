//! Sessions that open, work and end on several threads at once: nothing is lost, nothing is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bus::{Bus, OwnedContext, Session, SessionBuilder, command, event, handler};

#[event]
struct Tick;
#[handler]
async fn tick(_: &Tick) {
    tokio::task::yield_now().await;
}

#[command]
struct Go;
#[handler]
async fn go(_: Go, session: Session) -> bus::Result<()> {
    session.publish(Tick).await?;
    tokio::task::yield_now().await;
    Ok(())
}

/// Numbers that look random, the same in each run (xorshift).
struct Numbers(u64);
impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A session that counts what it hears; now and then it closes itself, or leaves another open inside.
fn listening(bus: &Bus, heard: &Arc<AtomicU64>) -> SessionBuilder {
    let heard = Arc::clone(heard);
    bus.session(None).on_event(move |_: Arc<Tick>, cx: OwnedContext| {
        heard.fetch_add(1, Ordering::Relaxed);
        async move {
            match cx.id().sequence() % 7 {
                0 => assert!(cx.session().unwrap().close().await.is_deferred),
                1 => drop(cx.bus().session(None).open().await.map(bus::SessionGuard::detach)),
                _ => {}
            }
        }
    })
}

async fn work(bus: Bus, heard: Arc<AtomicU64>, seed: u64) {
    let mut numbers = Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    for _ in 0..300 {
        let outer = listening(&bus, &heard).open().await.unwrap();
        let inner = outer.session(None).open().await.ok();
        let handle = outer.handle();
        // All of this races with the end.
        let beside = tokio::spawn(async move {
            drop(handle.execute(Go).await);
            drop(handle.session(None).open().await.map(bus::SessionGuard::detach));
            drop(handle.spawn(std::future::pending::<()>()));
        });
        for _ in 0..numbers.below(4) {
            let inside = inner.as_ref().filter(|_| numbers.below(2) == 0);
            let session: &Session = inside.map_or(&*outer, |inner| inner);
            drop(session.publish(Tick).await);
        }
        match numbers.below(4) {
            0 => assert!(outer.close().await.is_clean()),
            1 => drop(outer),
            2 => drop((inner, outer)),
            _ => {
                let (one, other) = tokio::join!(outer.close(), outer.fail("late"));
                assert_eq!(one, other);
            }
        }
        beside.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_accepted_in_a_session_is_heard_there_whoever_ends_it() {
    let bus = Bus::builder().event_queue_size(64).build().unwrap();
    let heard: Arc<AtomicU64> = Arc::default();
    let tasks: Vec<_> =
        (0..8).map(|seed| tokio::spawn(work(bus.clone(), Arc::clone(&heard), seed))).collect();
    let all = async {
        for task in tasks {
            task.await.unwrap();
        }
        bus.idle().await;
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("an end never ends");
    let stats = bus.stats();
    // By the session and by the bus, each once.
    assert_eq!(heard.load(Ordering::Relaxed), stats.published);
    assert_eq!((stats.processed, stats.failed, stats.dropped), (2 * stats.published, 0, 0));
    assert_eq!((stats.sessions_open, stats.sessions_cut), (0, 0), "{:?}", bus.sessions());
    assert!(bus.shutdown().await.is_clean());
    drop(bus);
    // What the session's closures held goes with the last of its ends.
    while Arc::strong_count(&heard) > 1 {
        tokio::task::yield_now().await;
    }
}
