//! Dead letters: what one handler gave up on, with all that is needed to look at it and run it again.
//!
//! In: the runner buries a command, or one (event, handler) pair, that has failed for good ([`Buried`]),
//! and parks what has to follow it ([`sequence`]). Out: [`DeadLetters`], the verbs of the user. A letter
//! that is run again is a [`Letter`], which the runner takes, and whose end it tells the [`Store`].
#![cfg_attr(
    not(test),
    allow(
        dead_code,
        unused_imports,
        reason = "the runner that buries and parks calls what is not called yet"
    )
)]

mod cause;
mod claim;
mod edit;
mod entry;
#[cfg(feature = "json")]
mod export;
mod group;
mod history;
mod id;
mod line;
mod of_bus;
mod retry;
mod retry_all;
mod select;
mod sequence;
mod stats;
mod store;
#[cfg(all(test, not(bus_loom)))]
mod tests;

use std::sync::Arc;
use std::time::SystemTime;

pub use cause::{Cause, CauseKind};
pub use edit::DEAD_LETTER_OF;
pub use entry::{DeadLetterData, DeadLetterEntry};
pub use group::DeadLetterGroup;
pub use history::FailedAttempt;
pub use id::{BadDeadLetterId, DeadLetterId};
pub use of_bus::{DeadLetters, DiscardError};
pub use retry::{Retried, RetryError};
pub use retry_all::{RetryAll, RetryReport};
pub use select::{IntoSelect, Select, Selected};
pub(crate) use sequence::NotParked;
pub use sequence::PARKED_PER_KEY;
pub use stats::DeadLetterStats;
pub(crate) use store::Store;

use crate::core::Core;
use crate::handler::slot::BoxFuture;
use crate::message::kind::Erased;
use crate::message::order::LaneId;
use crate::message::{MessageId, MessageInfo};
use crate::pipeline::options::{Head, Principal};
use crate::registry::{HandlerId, HandlerInfo};
use crate::session::SessionId;
use crate::sync::shared;
use claim::Claim;

/// How many are kept when the builder was told nothing.
pub(crate) const CAPACITY: usize = 1_000;

/// What the runner knows of a message that a handler has given up on.
pub(crate) struct Buried {
    pub(crate) message: Erased,
    pub(crate) info: &'static MessageInfo,
    pub(crate) message_id: MessageId,
    pub(crate) handler: HandlerInfo,
    pub(crate) handler_id: HandlerId,
    pub(crate) head: Option<Arc<Head>>,
    pub(crate) session: Option<SessionId>,
    pub(crate) correlation: MessageId,
    /// The message whose handler has sent it, and how many stand before it.
    pub(crate) parent: Option<(MessageId, u16)>,
    pub(crate) principal: Option<Principal>,
    /// Was it sent by a handler of the bus's own events, or is it one? Then its arrival is announced to
    /// nobody: a handler that fails for a dead letter cannot feed itself.
    pub(crate) lifecycle: bool,
    pub(crate) cause: Cause,
    pub(crate) error: String,
    pub(crate) error_chain: String,
    pub(crate) attempts: u32,
    pub(crate) history: Vec<FailedAttempt>,
    pub(crate) first_attempted: SystemTime,
    pub(crate) last_attempted: SystemTime,
    /// Where it holds up those of its lane that come later.
    pub(crate) lane: Option<LaneId>,
    pub(crate) again: Arc<dyn Again>,
}

/// How a dead letter is run again: made by the runner that has buried it.
pub(crate) trait Again: Send + Sync {
    /// Runs the handler of the letter once more, through all of its layers and, where it has a lane, in
    /// its turn there; resolves with how that ended, in words. Before it leaves its turn it tells the
    /// store: [`Store::succeeded`] or [`Store::failed_again`]. A run that could not be begun (the
    /// handler is gone, the bus shuts down) tells it nothing, and the letter stays as it was.
    fn again(&self, core: Arc<Core>, letter: Letter) -> BoxFuture<'static, Result<(), String>>;
}

shared! {
    /// All that is needed to send a dead letter again. The entry is kept for this run for as long as the
    /// letter lives: nobody else retries or discards it.
    pub(crate) struct Letter {
        pub(crate) id: DeadLetterId,
        pub(crate) message: Erased,
        pub(crate) message_id: MessageId,
        pub(crate) info: &'static MessageInfo,
        pub(crate) head: Option<Arc<Head>>,
        pub(crate) handler_id: HandlerId,
        pub(crate) handler: HandlerInfo,
        pub(crate) session: Option<SessionId>,
        pub(crate) correlation: MessageId,
        pub(crate) principal: Option<Principal>,
        pub(crate) lifecycle: bool,
        pub(crate) lane: Option<LaneId>,
        /// How often the handler was called before.
        pub(crate) attempts: u32,
        pub(crate) claim: Arc<Claim>,
    }
}
