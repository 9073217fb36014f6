//! Deliveries that were pending when they were begun: each is driven on by a task of its own.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{self, Poll};

use pin_project_lite::pin_project;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::core::Core;
use crate::pipeline::announce;
use crate::pipeline::failure::panic_text;
use crate::probe;

/// Those that are on their way. The dispatcher is not woken by each that ends, but by the last alone, and only where
/// it waits for that.
#[derive(Default)]
pub(super) struct Driven {
    tasks: JoinSet<()>,
    left: Arc<Left>,
}

#[derive(Default)]
struct Left {
    count: AtomicUsize,
    none: Notify,
}

impl Driven {
    pub(super) fn spawn<F>(&mut self, core: &Arc<Core>, delivery: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.let_go();
        self.left.count.fetch_add(1, Ordering::Relaxed);
        let here = Here(Arc::clone(&self.left));
        let delivery = Guarded { delivery, _here: here };
        self.tasks.spawn(probe::task(core, delivery));
    }

    /// Forgets those that have ended.
    pub(super) fn let_go(&mut self) {
        while self.tasks.try_join_next().is_some() {}
    }

    /// Resolves when all have ended.
    pub(super) async fn ended(&self) {
        while self.left.count.load(Ordering::Acquire) > 0 {
            self.left.none.notified().await;
        }
    }

    /// Ends those that are left.
    pub(super) async fn end(mut self, core: &Core) {
        // The tasks are dropped by other threads, which nobody hears of before the last is.
        let _busy = probe::Busy::begin(core);
        self.tasks.shutdown().await;
    }
}

pin_project! {
    /// Handlers are kept from each other further in. What may still panic here is a destructor of the user's.
    struct Guarded<F> {
        #[pin]
        delivery: F,
        // After the delivery, also where that is dropped.
        _here: Here,
    }
}

impl<F: Future<Output = ()>> Future for Guarded<F> {
    type Output = ();
    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<()> {
        let this = self.project();
        catch_unwind(AssertUnwindSafe(|| this.delivery.poll(task))).unwrap_or_else(|panic| {
            announce::panicked(&panic_text(&*panic));
            Poll::Ready(())
        })
    }
}

struct Here(Arc<Left>);

impl Drop for Here {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none.notify_one();
        }
    }
}
