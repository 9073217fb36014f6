//! The core: tables, resources, queue. Not generic, and below everything else: the verbs are
//! functions over `&Core`.

mod work;

use std::any::TypeId;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

pub(crate) use work::{AtWork, Work};

use crate::clock::Clock;
use crate::context::Scratch;
use crate::envelope::Envelope;
use crate::event::filter::Installed;
use crate::event::listen::Listeners;
use crate::event::losses::Losses;
use crate::event::order::Lanes;
use crate::event::queue::BoundedEventQueue;
use crate::event::runtime::Runtime;
use crate::event::schedule::Timers;
use crate::event::{DropReason, FilterStats};
use crate::handler::resource::ResourceSet;
use crate::message::order::Group;
use crate::message::{MessageInfo, QueueMarkEvent, UnhandledEvent};
use crate::metrics::Metrics;
use crate::observe::failures::Failures;
use crate::observe::flow::Flow;
use crate::observe::health::Watch;
use crate::observe::history::History;
use crate::observe::observers::Observers;
use crate::observe::slow::SlowRuns;
use crate::pipeline::cancel::Cancel;
use crate::pipeline::hook::Hook;
use crate::pipeline::middleware::Layer;
use crate::pipeline::origin::Origin;
#[cfg(feature = "testing")]
use crate::probe;
use crate::registry::contract::Registry;
use crate::registry::listens::{Listens, Own};
use crate::registry::plan::Plan;
use crate::registry::report::WiringReport;
use crate::registry::table::{Found, Route, Table};
use crate::registry::wired::Wired;
use crate::resilience::breakers::Breakers;
use crate::resilience::dead_letters::Store;
use crate::resilience::{Resilience, RetryBudget};
use crate::session::{Scope, Sessions};
use crate::sync::{Sharded, shared};

shared! {
    pub(crate) struct Core {
        /// Tells the buses of this process apart.
        pub(crate) number: u32,
        pub(crate) settings: Settings,
        pub(crate) table: Table,
        pub(crate) registry: Box<dyn Registry>,
        pub(crate) wired: Wired,
        pub(crate) sessions: Sessions,
        pub(crate) resources: ResourceSet,
        pub(crate) wiring: WiringReport,
        pub(crate) queue: BoundedEventQueue,
        /// How many handler runs of events may be pending.
        pub(crate) slots: Semaphore,
        /// As many again, of handlers of the bus's own events.
        pub(crate) own_slots: Semaphore,
        pub(crate) lanes: Lanes,
        pub(crate) listeners: Listeners,
        pub(crate) losses: Losses,
        pub(crate) timers: Timers,
        pub(crate) runtime: Runtime,
        pub(crate) counters: Counters,
        pub(crate) failures: Failures,
        pub(crate) observers: Observers,
        pub(crate) history: Option<Arc<History>>,
        pub(crate) dead_letters: Store,
        /// For [`crate::observe::health`].
        pub(crate) slow_runs: SlowRuns,
        pub(crate) watch: Watch,
        /// Fires when shutting down has lasted too long.
        pub(crate) cancel: Cancel,
        /// What is at work, for [`crate::event::idle`] and [`crate::event::shutdown`].
        pub(crate) work: Work,
        pub(crate) me: Weak<Core>,
    }
}

/// What the builder was told.
pub(crate) struct Settings {
    pub(crate) concurrency: usize,
    pub(crate) command_timeout: Option<Duration>,
    pub(crate) event_timeout: Option<Duration>,
    /// After how long a handler is said to be slow.
    pub(crate) slow_handler: Option<Duration>,
    /// After how long it is said to be stuck.
    pub(crate) stuck_handler: Option<Duration>,
    /// After how long a dispatcher that does nothing is said to stand still.
    pub(crate) stalled: Duration,
    /// Of how many messages it is remembered what has become of them.
    pub(crate) trace_history: usize,
    /// Do messages know where they were sent?
    pub(crate) track_callers: bool,
    pub(crate) drain: Duration,
    pub(crate) grace: Duration,
    pub(crate) session_close: Duration,
    /// How many are kept at most.
    pub(crate) dead_letters: usize,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) filters: Vec<Installed>,
    /// In the order in which they were added, those of the linker first.
    pub(crate) layers: Vec<Layer>,
    pub(crate) hooks: Vec<Arc<dyn Hook>>,
    pub(crate) flow: Option<Flow>,
    pub(crate) metrics: Metrics,
    /// What is done about the failures of all handlers.
    pub(crate) resilience: Option<Resilience>,
    /// For the retries of all handlers that have no budget of their own.
    pub(crate) budget: RetryBudget,
    pub(crate) breakers: Breakers,
    pub(crate) on_unhandled: Option<Listener<UnhandledEvent>>,
    pub(crate) on_queue_mark: Option<Listener<QueueMarkEvent>>,
    /// There on a test bus.
    #[cfg(feature = "testing")]
    pub(crate) probe: Option<Arc<probe::Tracker>>,
}

impl Settings {
    /// Before the bus is built of them.
    pub(crate) fn wire_filters(&mut self) {
        let Self { filters, metrics, .. } = self;
        filters.iter_mut().for_each(|filter| filter.wire(metrics, None));
    }
}

/// A function of the user's that is told of something.
pub(crate) type Listener<E> = Box<dyn Fn(&E) + Send + Sync>;

/// What has happened, in (event, handler) pairs where handlers are concerned.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) processed: Sharded,
    pub(crate) failed: Sharded,
    /// Pairs whose handlers were at work when the bus ended.
    pub(crate) cut_off: Sharded,
    /// Of those that ended well, such as their handlers had no interest in.
    pub(crate) discarded: Sharded,
    pub(crate) unhandled: Sharded,
    /// Retries that were not made, since the budget was used up.
    pub(crate) over_budget: Sharded,
}

impl Counters {
    /// Pairs of an event and a handler that have not ended well.
    pub(crate) fn all_failed(&self) -> u64 {
        self.failed.sum() + self.cut_off.sum()
    }
}

impl Core {
    /// The handler of a command: of the session it is in, else of the bus.
    #[inline]
    pub(crate) fn command(
        &self,
        type_id: TypeId,
        session: Option<&Arc<Scope>>,
    ) -> Option<Found<'_, Plan>> {
        if let Some(plan) = session.and_then(|scope| scope.command(type_id)) {
            return Some(Found::Added(plan));
        }
        match self.wired.table() {
            None => self.table.commands.get(&type_id).map(|plan| Found::Built(&**plan)),
            Some(table) => table.commands.get(&type_id).cloned().map(Found::Added),
        }
    }

    /// The handlers of an event: of the session it is in, and of the bus.
    #[inline]
    pub(crate) fn route(
        &self,
        info: &MessageInfo,
        session: Option<&Arc<Scope>>,
    ) -> Option<Found<'_, Route>> {
        match session {
            None => self.route_of_bus(info),
            Some(scope) => self.route_in(info, scope),
        }
    }

    /// The handlers of an event that is there; of a dead letter the one that has given up on it.
    #[inline]
    pub(crate) fn route_of(&self, envelope: &Envelope) -> Option<Found<'_, Route>> {
        let route = self.route(envelope.info, envelope.scope());
        match &envelope.rerun {
            None => route,
            Some(rerun) => {
                let only = route.and_then(|route| route.only(rerun.letter.handler_id));
                if only.is_none() {
                    rerun.ended(Err(format!("handler {} is gone", rerun.letter.handler)));
                }
                only.map(|route| Found::Added(Arc::new(route)))
            }
        }
    }

    fn route_of_bus(&self, info: &MessageInfo) -> Option<Found<'_, Route>> {
        match self.wired.table() {
            None => self.table.route(info).map(|route| Found::Built(&**route)),
            Some(table) => table.route(info).cloned().map(Found::Added),
        }
    }

    fn route_in(&self, info: &MessageInfo, scope: &Arc<Scope>) -> Option<Found<'_, Route>> {
        let mut routes: Vec<_> = scope.routes(info).collect();
        if routes.is_empty() {
            return self.route_of_bus(info);
        }
        let table = self.wired.table();
        routes.extend(table.as_deref().unwrap_or(&self.table).route(info).cloned());
        if routes.len() == 1 {
            return routes.pop().map(Found::Added);
        }
        Some(Found::Added(Arc::new(Route::merged(routes.into_iter()))))
    }

    /// Does somebody take batches of events that are in several lanes of this group?
    pub(crate) fn brings_together(&self, group: Group, session: Option<&Arc<Scope>>) -> bool {
        let of_bus = self.wired.table();
        of_bus.as_deref().unwrap_or(&self.table).brings_together(group)
            || session.is_some_and(|scope| {
                let mut tables = scope.chain().filter_map(|scope| scope.wired.table());
                tables.any(|table| table.brings_together(group))
            })
    }

    /// Does somebody handle this one of the bus's own events?
    #[inline]
    pub(crate) fn hears(&self, own: Own, session: Option<&Arc<Scope>>) -> bool {
        if !self.wired.is_changed() && !self.listeners.hear_own() && session.is_none() {
            return self.table.listens.to(own);
        }
        self.listens(session).to(own)
    }

    #[inline(never)]
    fn listens(&self, session: Option<&Arc<Scope>>) -> Listens {
        let of_bus = self.wired.table().map_or(self.table.listens, |table| table.listens);
        let of_bus = self.listeners.to_own().map_or(of_bus, |listens| of_bus.or(listens));
        session.map_or(of_bus, |scope| of_bus.or(scope.listens()))
    }

    /// The filters of the bus, then those of its handlers.
    pub(crate) fn filters(&self) -> Vec<FilterStats> {
        let of_bus = self.settings.filters.iter().map(|filter| filter.stats(None));
        let table = self.wired.table();
        let plans = table.as_deref().unwrap_or(&self.table).event_handlers();
        let stats = |plan: &Arc<Plan>| Some(plan.filter.as_ref()?.stats(Some(&plan.handler)));
        of_bus.chain(plans.iter().filter_map(stats)).collect()
    }

    /// A handler of one message has sent another.
    #[inline]
    pub(crate) fn saw(&self, from: &Origin, to: &'static MessageInfo) {
        if let Some(flow) = &self.settings.flow {
            flow.saw(from.info, to);
        }
    }

    /// Says that an event is lost which nobody can be given back.
    pub(crate) fn lost_event(&self, event: &Envelope, why: DropReason) {
        self.queue.count_lost(1);
        self.losses.note_event(self, event, why);
    }

    /// How long ago that was.
    #[inline]
    pub(crate) fn since(&self, then: Instant) -> Duration {
        self.settings.clock.now().saturating_duration_since(then)
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
