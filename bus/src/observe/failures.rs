//! The calls that have failed last.

use std::collections::VecDeque;
use std::fmt;
use std::time::SystemTime;

use crate::context::Context;
use crate::message::MessageId;
use crate::registry::HandlerInfo;
use crate::session::SessionId;
use crate::sync::{Mutex, lock};

/// How many are remembered.
const KEPT: usize = 100;

/// A call of a handler that has failed for good: [`Bus::recent_failures`](crate::Bus::recent_failures).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RecentFailure {
    /// When.
    pub at: SystemTime,
    /// The name of the message.
    pub message: &'static str,
    /// Its id.
    pub message_id: MessageId,
    /// The session it was sent in; [`SessionId::BUS`] outside sessions.
    pub session_id: SessionId,
    /// The handler.
    pub handler: HandlerInfo,
    /// How often that was called: 0 when it never was.
    pub attempts: u32,
    /// What went wrong, in words.
    pub error: String,
}

/// On one line, for people.
impl fmt::Display for RecentFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, message_id, handler, error, .. } = self;
        write!(f, "{message} {message_id} by handler {handler}: {error}")
    }
}

/// The last ones, oldest first.
#[derive(Default)]
pub(crate) struct Failures(Mutex<VecDeque<RecentFailure>>);

impl Failures {
    pub(crate) fn note(
        &self,
        context: &Context,
        handler: &HandlerInfo,
        attempts: u32,
        error: String,
    ) {
        let failure = RecentFailure {
            at: context.core().settings.clock.system_time(),
            message: context.message().name(),
            message_id: context.id(),
            session_id: context.session_id(),
            handler: handler.clone(),
            attempts,
            error,
        };
        let mut kept = lock(&self.0);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(failure);
    }

    pub(crate) fn all(&self) -> Vec<RecentFailure> {
        lock(&self.0).iter().cloned().collect()
    }
}
