//! The plan of a handler: everything that is decided about how it runs, once.

use std::any::Any;
use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Weak};

use tokio::sync::Semaphore;

use super::contract::HandlerId;
use super::entry::HandlerEntry;
use crate::clock::MaybeDuration;
use crate::core::Settings;
use crate::event::filter::{AnyFilter, Installed};
use crate::handler::param::Requirements;
use crate::message::keep::Keep;
use crate::message::kind::{Deliver, DeliverBatch};
use crate::message::{MessageInfo, Takes};
use crate::metrics::meter::Meter;
use crate::observe::handler_stats::Counts;
use crate::pipeline::hook::{self, Hooks};
use crate::pipeline::middleware::Layer;
use crate::pipeline::middleware::layers::Layers;
use crate::resilience::policy::Policy;
use crate::resilience::said::{Said, SaidOf};
use crate::session::Scope;
use crate::sync::shared;

shared! {
    /// How one handler runs: the dispatch follows it, and the wiring report reads it.
    pub(crate) struct Plan {
        pub(crate) id: HandlerId,
        pub(crate) handler: HandlerInfo,
        pub(crate) message: &'static MessageInfo,
        pub(crate) timeout: MaybeDuration,
        /// How long it may take, once it is wired: of all that is said, what is nearest.
        pub(crate) time: Time,
        pub(crate) deliver: Option<Deliver>,
        /// Of a handler that takes batches.
        pub(crate) batch: Option<Batching>,
        /// The events that it may emit, by its parameters.
        pub(crate) emits: Box<[&'static MessageInfo]>,
        /// How many runs there may be at once, if that is limited.
        pub(crate) concurrency: Option<u32>,
        pub(crate) slots: Option<Semaphore>,
        /// As [`is_at_once`](Plan::is_at_once), found out when it is wired.
        pub(crate) at_once: bool,
        /// A plain function: never pending.
        pub(crate) is_plain: bool,
        pub(crate) slot: SlotRef,
        /// Decides whether it is called.
        pub(crate) filter: Option<Box<Installed>>,
        pub(crate) takes: Takes,
        /// What wraps it; `None` if nothing does.
        pub(crate) layers: Option<Arc<Layers>>,
        /// Of what is said of this handler alone.
        pub(crate) own_layers: Vec<Layer>,
        pub(crate) hooks: Hooks,
        pub(crate) counts: Counts,
        /// What is measured of it, once it is wired.
        pub(crate) meter: Option<Arc<Meter>>,
        /// What is said about its failures, and what is therefore done about them.
        pub(crate) said: SaidOf,
        pub(crate) policy: Option<Arc<Policy>>,
        /// The session whose handler it is, and whose end ends it.
        pub(crate) owner: Option<Weak<Scope>>,
    }
}

/// How long a handler may take.
#[derive(Clone, Copy, Default)]
pub(crate) struct Time {
    /// All attempts together.
    pub(crate) all: MaybeDuration,
    /// Each of them.
    pub(crate) attempt: MaybeDuration,
}

impl Time {
    fn of(plan: &Plan, settings: &Settings) -> Self {
        let is_command = plan.message.is_command();
        let of_bus = if is_command { settings.command_timeout } else { settings.event_timeout };
        let attempt = plan.policy.as_ref().and_then(|policy| policy.attempt_timeout);
        Self { all: plan.timeout.or(of_bus.into()), attempt: attempt.into() }
    }
}

/// How a handler takes batches.
#[derive(Clone, Copy)]
pub(crate) struct Batching {
    /// Of at most so many events.
    pub(crate) size: NonZeroUsize,
    pub(crate) deliver: DeliverBatch,
}

impl Batching {
    fn of(entry: &HandlerEntry) -> Option<Self> {
        let (size, deliver) = (entry.meta.batch?, entry.deliver_batch?);
        Some(Self { size: NonZeroUsize::try_from(size).unwrap_or(NonZeroUsize::MAX), deliver })
    }
}

/// A typed slot whose type only the message knows.
#[derive(Clone)]
pub(crate) enum SlotRef {
    Linked(&'static (dyn Any + Send + Sync)),
    Added(Arc<dyn Any + Send + Sync>),
}

impl SlotRef {
    /// Is it that of this function?
    pub(crate) fn is_of(&self, entry: &'static HandlerEntry) -> bool {
        match self {
            Self::Linked(slot) => std::ptr::addr_eq(*slot, entry.slot),
            Self::Added(_) => false,
        }
    }

    pub(crate) fn get(&self) -> &(dyn Any + Send + Sync) {
        match self {
            Self::Linked(slot) => *slot,
            Self::Added(slot) => &**slot,
        }
    }
}

/// Identity of a handler: its name, and where it stands in the source.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerInfo {
    /// `name = ".."` of the attribute, else the function's name.
    pub name: Cow<'static, str>,
    /// The module of the function.
    pub module: &'static str,
    /// The file of the function.
    pub file: &'static str,
    /// The line of the function.
    pub line: u32,
    /// Higher runs first.
    pub priority: i32,
    /// Was it registered at run time?
    pub at_run_time: bool,
}

impl HandlerInfo {
    /// The order in which handlers of one message run, and in which reports list them.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        let key = |h: &Self| (Reverse(h.priority), h.module, h.name.clone(), h.line);
        key(self).cmp(&key(other))
    }
}

impl fmt::Display for HandlerInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` at {}:{}", self.name, self.file, self.line)
    }
}

impl fmt::Debug for HandlerInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandlerInfo({self}, priority {})", self.priority)
    }
}

impl Plan {
    /// The session whose handler it is.
    pub(crate) fn owner(&self) -> Option<Arc<Scope>> {
        self.owner.as_ref()?.upgrade()
    }

    /// Has the command to be kept, for another attempt or for good? One that others hold too is.
    #[inline]
    pub(crate) fn keeps<C>(&self, command: &Keep<C>) -> bool {
        self.policy.as_ref().is_some_and(|policy| policy.keeps()) || command.is_shared()
    }

    /// Is it called and done in one step: never pending, with nothing around it, and always a slot?
    #[inline]
    pub(crate) fn is_at_once(&self) -> bool {
        self.at_once
    }

    fn runs_at_once(&self) -> bool {
        self.is_plain
            && self.slots.is_none()
            && self.layers.is_none()
            && self.batch.is_none()
            && self.policy.is_none()
    }

    pub(crate) fn of(entry: &'static HandlerEntry) -> Self {
        let meta = entry.meta;
        let mut takes = Requirements::default();
        (entry.require)(&mut takes);
        Self {
            id: HandlerId::next(),
            handler: HandlerInfo {
                name: Cow::Borrowed(meta.name),
                module: meta.module,
                file: meta.file,
                line: meta.line,
                priority: meta.priority,
                at_run_time: false,
            },
            message: entry.message,
            // What is said of the handler is nearer than what is said of the message.
            timeout: meta.timeout.or(entry.message.timeout()).into(),
            time: Time::default(),
            deliver: entry.deliver,
            batch: Batching::of(entry),
            emits: takes.emits.into(),
            concurrency: meta.concurrency.map(NonZeroU32::get),
            slots: slots(meta.concurrency),
            at_once: false,
            is_plain: entry.is_plain,
            slot: SlotRef::Linked(entry.slot),
            filter: meta.filter.map(|filter| Box::new(Installed::new(AnyFilter(Arc::new(filter))))),
            takes: meta.takes,
            layers: None,
            own_layers: meta.middleware.iter().map(|make| make()).collect(),
            hooks: Hooks::default(),
            counts: Counts::new(false),
            meter: None,
            said: SaidOf::new(Said::by(&meta, entry.message)),
            policy: None,
            owner: None,
        }
    }
}

impl Plan {
    /// Puts it inside of the middleware and hooks that a bus has for it, and of what keeps its calls
    /// within bounds.
    pub(crate) fn wrapped(mut self, settings: &Settings) -> Self {
        self.policy = Policy::of(&self, settings);
        self.time = Time::of(&self, settings);
        self.layers = Layers::of(&self, &settings.layers);
        self.hooks = hook::of(self.message, &settings.hooks);
        self.at_once = self.runs_at_once();
        // The bus's own events are nobody's traffic.
        let is_users = !self.message.is_own();
        self.meter = is_users.then(|| settings.metrics.meters.of(&self.handler, self.message));
        if let Some(filter) = self.filter.as_deref_mut().filter(|_| is_users) {
            filter.wire(&settings.metrics, Some(&self.handler));
        }
        self
    }
}

/// As many slots as a handler may have runs at once.
pub(crate) fn slots(concurrency: Option<NonZeroU32>) -> Option<Semaphore> {
    let n = usize::try_from(concurrency?.get()).unwrap_or(Semaphore::MAX_PERMITS);
    Some(Semaphore::new(n.min(Semaphore::MAX_PERMITS)))
}
