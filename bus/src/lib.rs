#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used)]

#[doc(hidden)]
pub mod __private;
#[cfg(any(doc, doctest))]
pub mod guide;
pub mod prelude;
/// Middleware that are ready to use.
///
/// They are given to [`Builder::middleware`], to a single handler, or wrapped in a [`Layer`] that says
/// where they are put.
pub mod middleware {
    pub use crate::pipeline::middleware::stock::*;
}

mod builder;
mod bus;
mod clock;
mod context;
mod core;
mod envelope;
mod error;
mod event;
mod handler;
mod message;
mod message_bus;
mod metrics;
pub mod observe;
mod pipeline;
mod probe;
mod registration;
mod registry;
mod resilience;
#[cfg(feature = "json")]
mod rfc3339;
mod session;
mod stats;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;

pub use crate::builder::{Builder, HandlerConfig};
pub use crate::bus::{Bus, WeakBus};
pub use crate::clock::{Clock, Sleep, TokioClock};
pub use crate::context::{Context, OwnedContext};
pub use crate::error::{
    CancelledBy, CommandError, CommandErrorKind, CommandResult, Error, HandlersFailed,
    PublishError, PublishErrorKind, Result, SessionError,
};
pub use crate::event::{
    AndWait, BackpressureStrategy, BoundedEventQueue, DropReason, EventFailure, EventFilter,
    FilterStats, FilterView, Later, Outcome, Publish, Published, QueueMark, QueueStats, Scheduled,
    Settled, ShutdownReport, Subscription, WaitError, WaitFor, When, filters,
};
pub use crate::handler::{BatchOutcome, Emit, HandledBy, Param, ParamError, Requirements, Res};
#[cfg(feature = "json")]
pub use crate::message::JsonError;
pub use crate::message::{
    AnyEvent, Capabilities, Category, CircuitStateChangedEvent, Command, CommandResultEvent,
    CommandStartedEvent, DeadLetteredEvent, Event, EventHandlerFailedEvent, EventsDroppedEvent,
    Invalid, Message, MessageId, MessageInfo, Problem, QueueMarkEvent, SessionEndEvent,
    SessionStartEvent, UnhandledEvent, Validate, category,
};
pub use crate::message_bus::MessageBus;
#[cfg(feature = "metrics")]
pub use crate::metrics::MetricsFacade;
pub use crate::metrics::{
    HistogramReading, HistogramSnapshot, MetricFamily, MetricInfo, MetricKind, MetricReading,
    MetricValue, MetricsCollector, MetricsConfig, MetricsExporter, MetricsSnapshot, Sample,
    Sampling, Timer,
};
pub use crate::observe::{
    Description, ErasedEvent, ExplainedHandler, Explanation, HandlerDescription, HandlerStats,
    Happening, Health, HealthReason, LastFailure, MessageDescription, Observer, ObserverHandle,
    ObserverStats, RecentFailure, TraceTree, What,
};
pub use crate::pipeline::{
    BadTraceParent, Call, CommandReport, Detailed, Ended, Execute, Handled, HandlerError, Headers,
    Hook, HookCall, IntoLayer, Layer, Middleware, Next, Principal, TraceParent,
};
pub use crate::registry::{
    BuildError, HandlerId, HandlerInfo, HandlerOptions, RegisterError, RegisteredHandler,
    Registration, Registry, RegistryChanges, RegistryError, ScopedRegistration, SimpleRegistry,
    WiringProblem, WiringReport,
};
pub use crate::resilience::dead_letters::{
    BadDeadLetterId, Cause, CauseKind, DEAD_LETTER_OF, DeadLetterData, DeadLetterEntry,
    DeadLetterGroup, DeadLetterId, DeadLetterStats, DeadLetters, DiscardError, FailedAttempt,
    IntoSelect, PARKED_PER_KEY, Retried, RetryAll, RetryError, RetryReport, Select, Selected,
};
pub use crate::resilience::{
    CircuitBreaker, CircuitBreakerConfig, CircuitChange, CircuitConfigError, CircuitError,
    CircuitReason, CircuitSnapshot, CircuitState, Classify, ErrorClass, Jitter, Rate, Resilience,
    RetryBudget, RetryConfig,
};
pub use crate::session::{
    Session, SessionBuilder, SessionGuard, SessionId, SessionInfo, SessionName, SessionReport,
    WorkError,
};
pub use crate::stats::Stats;
pub use async_trait::async_trait;
pub use bus_macros::{command, event, filter, handler, handlers, hook, middleware, resource};
