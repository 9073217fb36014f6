//! What can be seen of a bus: what is wired, what happens, and how it is.
//!
//! Observers for [people](console) and for files (`jsonl`, feature `json`), and what a bus tells of itself: its
//! [`Description`], an [`Explanation`] of one message, its [`Health`].

// In: the tables of a bus and of its open sessions. Out: a `Description` (`describe`), as text, as JSON, or as a
// graph (`graph`); and what in it looks wrong (`warnings`). And what happens on it, where it happens: the taps in the
// flows (`tap`) tell the `observers`.

mod console;
mod describe;
mod details;
mod explain;
pub(crate) mod failures;
pub(crate) mod flow;
mod graph;
pub(crate) mod handler_stats;
mod happening;
pub(crate) mod health;
mod health_reason;
pub(crate) mod history;
#[cfg(feature = "json")]
mod jsonl;
mod observer;
pub(crate) mod observers;
mod of_bus;
pub(crate) mod slow;
pub(crate) mod spans;
pub(crate) mod tap;
mod text;
mod trace_tree;
pub(crate) mod warnings;
mod what;
mod words;

pub use console::{Console, console};
pub use describe::{Description, HandlerDescription, MessageDescription};
pub use explain::{ExplainedHandler, Explanation};
pub use failures::RecentFailure;
pub use handler_stats::{HandlerStats, LastFailure};
pub use happening::Happening;
pub use health::Health;
pub use health_reason::HealthReason;
#[cfg(feature = "json")]
pub use jsonl::{Jsonl, JsonlStats, jsonl};
pub use observer::Observer;
pub use observers::{ObserverHandle, ObserverStats};
pub use trace_tree::TraceTree;
pub use what::{ErasedEvent, What};
