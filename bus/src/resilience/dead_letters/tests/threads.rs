//! Many at once: nothing is lost from the counts, and nothing is run twice at a time.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Fell, World};
use crate::core::Core;
use crate::handler::slot::BoxFuture;
use crate::resilience::dead_letters::{Again, Buried, Letter};
use crate::sync::{Mutex, lock};
use crate::{Cause, DeadLetterId};

/// Fails every third time, and notices if two run one letter.
#[derive(Default)]
struct Alone {
    running: Mutex<HashSet<DeadLetterId>>,
    runs: Mutex<u64>,
}

struct OneOfThem(Arc<Alone>);

impl Again for OneOfThem {
    fn again(&self, core: Arc<Core>, letter: Letter) -> BoxFuture<'static, Result<(), String>> {
        let alone = Arc::clone(&self.0);
        Box::pin(async move {
            let id = letter.id;
            assert!(lock(&alone.running).insert(id), "{id} is run twice at a time");
            tokio::task::yield_now().await;
            assert!(lock(&alone.running).remove(&id));
            let run = {
                let mut runs = lock(&alone.runs);
                *runs += 1;
                *runs
            };
            let store = &core.dead_letters;
            if run % 3 == 0 {
                let text = String::new;
                store.failed_again(&core, id, Cause::Panicked, text(), text(), 1, Vec::new());
                return Err("third".to_owned());
            }
            store.succeeded(id);
            Ok(())
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_that_bury_retry_and_discard_leave_exact_counts() {
    let world = Arc::new(World::new(50));
    let alone = Arc::new(Alone::default());
    let tasks = (0..4_u64).map(|task| {
        let (world, alone) = (Arc::clone(&world), Arc::clone(&alone));
        tokio::spawn(async move {
            let store = &world.core().dead_letters;
            for n in 0..400 {
                let again = Arc::new(OneOfThem(Arc::clone(&alone)));
                let lane = (n % 3 == 0).then_some(task);
                let buried = Buried { again, ..world.buried_as(Fell(0), lane) };
                let id = match store.park(world.core(), buried) {
                    Ok(id) => id,
                    Err(_) => {
                        let again = Arc::new(OneOfThem(Arc::clone(&alone)));
                        let buried = Buried { again, ..world.buried_as(Fell(0), lane) };
                        store.bury(world.core(), buried)
                    }
                };
                let oldest = world.letters().list().first().map_or(id, |entry| entry.id);
                match n % 4 {
                    0 => drop(world.letters().retry(oldest).await),
                    1 => drop(world.letters().retry(id).await),
                    2 => drop(world.letters().discard(oldest)),
                    _ => drop(world.letters().stats()),
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let ids = world.ids();
    assert!(ids.is_sorted(), "the oldest first");
    let stats = world.letters().stats();
    assert_eq!(stats.buried, 1_600);
    world.adds_up();
    for _ in 0..20 {
        world.letters().retry_all().await;
    }
    assert!(world.letters().is_empty());
    assert!(!world.core().dead_letters.has_sequences());
    world.adds_up();
}
