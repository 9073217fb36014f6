//! The core: tables, resources, queue. Not generic, and below everything else: the verbs are
//! functions over `&Core`.

use std::any::TypeId;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::context::Scratch;
use crate::event::queue::{BackpressureStrategy, Queue};
use crate::event::runtime::Runtime;
use crate::handler::resource::ResourceSet;
use crate::message::MessageInfo;
use crate::pipeline::cancel::Cancel;
use crate::registry::additions::Additions;
use crate::registry::plan::Plan;
use crate::registry::report::WiringReport;
use crate::registry::table::{Found, Listens, Route, Table};
use crate::sync::Sharded;

pub(crate) struct Core {
    /// Tells the buses of this process apart.
    pub(crate) number: u32,
    pub(crate) settings: Settings,
    pub(crate) table: Table,
    pub(crate) additions: Additions,
    pub(crate) resources: ResourceSet,
    pub(crate) wiring: WiringReport,
    pub(crate) queue: Queue,
    pub(crate) runtime: Runtime,
    pub(crate) counters: Counters,
    /// Fires when shutting down has lasted too long.
    pub(crate) cancel: Cancel,
    /// What is at work, for [`crate::event::shutdown`].
    pub(crate) work: Work,
    pub(crate) me: Weak<Core>,
}

/// What the builder was told.
pub(crate) struct Settings {
    pub(crate) batch_size: usize,
    pub(crate) strategy: BackpressureStrategy,
    pub(crate) concurrency: usize,
    pub(crate) command_timeout: Option<Duration>,
    pub(crate) event_timeout: Option<Duration>,
    pub(crate) drain: Duration,
    pub(crate) grace: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What has happened, in (event, handler) pairs where handlers are concerned.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) processed: Sharded,
    pub(crate) failed: Sharded,
    pub(crate) unhandled: Sharded,
    pub(crate) rejected: Sharded,
}

/// What is going on.
#[derive(Default)]
pub(crate) struct Work {
    pub(crate) closing: AtomicBool,
    /// Past the end: what still runs is cut off.
    pub(crate) abort: AtomicBool,
    pub(crate) dispatching: AtomicBool,
    /// The dispatcher has ended, and will not be started again.
    pub(crate) ended: AtomicBool,
    pub(crate) commands: Sharded,
    pub(crate) deliveries: Sharded,
    /// Handlers that were cut off, by name.
    pub(crate) abandoned: Mutex<Vec<String>>,
    /// Something has ended while the bus is closing.
    pub(crate) settled: Notify,
}

impl Core {
    /// The handler of a command.
    #[inline]
    pub(crate) fn command(&self, type_id: TypeId) -> Option<Found<'_, Plan>> {
        match self.additions.table() {
            None => self.table.commands.get(&type_id).map(|plan| Found::Built(&**plan)),
            Some(table) => table.commands.get(&type_id).cloned().map(Found::Added),
        }
    }

    /// The handlers of an event.
    pub(crate) fn route(&self, type_id: TypeId) -> Option<Found<'_, Route>> {
        match self.additions.table() {
            None => self.table.events.get(&type_id).map(|route| Found::Built(&**route)),
            Some(table) => table.events.get(&type_id).cloned().map(Found::Added),
        }
    }

    /// Which of the bus's own events somebody handles.
    #[inline]
    pub(crate) fn listens(&self) -> Listens {
        self.additions.table().map_or(self.table.listens, |table| table.listens)
    }

    /// Says that events are lost which nobody can be given back.
    pub(crate) fn lost(&self, event: &'static MessageInfo, n: usize, why: &str) {
        self.queue.count_dropped(n as u64);
        tracing::warn!(event = event.name(), count = n, why, "events were dropped");
    }

    pub(crate) fn arc(&self) -> Arc<Core> {
        // A core is only ever made inside an `Arc`, and whoever has `&self` keeps that alive.
        self.me.upgrade().unwrap_or_else(|| unreachable!("a borrowed core is alive"))
    }

    pub(crate) fn weak(&self) -> Weak<Core> {
        self.me.clone()
    }

    /// For the outbox of a call that has ended: the core, if somebody may still send into it.
    pub(crate) fn weak_for(&self, scratch: &Arc<Scratch>) -> Weak<Core> {
        if Arc::strong_count(scratch) > 1 { self.weak() } else { Weak::new() }
    }
}

/// Something that is at work, uncounted when dropped.
pub(crate) struct AtWork<'a> {
    work: &'a Work,
    count: &'a Sharded,
}

impl Work {
    pub(crate) fn begin_command(&self) -> AtWork<'_> {
        self.begin(&self.commands)
    }

    pub(crate) fn begin_delivery(&self) -> AtWork<'_> {
        self.begin(&self.deliveries)
    }

    fn begin<'a>(&'a self, count: &'a Sharded) -> AtWork<'a> {
        count.add(1);
        AtWork { work: self, count }
    }

    /// Sequentially consistent with `begin`: either the shutdown sees the count, or the call sees
    /// the flag.
    pub(crate) fn is_dispatching(&self) -> bool {
        self.dispatching.load(Ordering::SeqCst) && !self.ended.load(Ordering::SeqCst)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.count.sub(1);
        if self.work.is_closing() {
            self.work.settled.notify_waiters();
        }
    }
}
