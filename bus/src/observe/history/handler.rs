//! What is known of a handler of a message.

use std::ptr;
use std::time::{Duration, Instant};

use crate::registry::HandlerInfo;
use crate::resilience::dead_letters::DeadLetterId;

/// What is known of a handler of a message.
#[derive(Clone)]
pub(in crate::observe) struct HandlerRecord {
    pub(in crate::observe) handler: HandlerInfo,
    /// Where what is known of it stands in memory, which tells apart two of one name and place. Never looked at: by
    /// now something else may stand there. `None`: it was told of by a dead letter alone.
    address: Option<usize>,
    pub(in crate::observe) attempts: u32,
    /// When the run began that it is at, or that was the last.
    began: Instant,
    /// How long its runs took that have ended. A dead letter may lie for long before another.
    pub(in crate::observe) worked: Duration,
    pub(in crate::observe) end: End,
    /// The dead letter that it has given up with, and whether that is there still.
    pub(in crate::observe) dead_letter: Option<(DeadLetterId, bool)>,
    /// A filter has kept it from the handler.
    pub(in crate::observe) kept_out_by: Option<String>,
}

/// How its last run has ended.
#[derive(Clone)]
pub(in crate::observe) enum End {
    AtWork,
    Ok,
    Failed(String),
    /// Its caller has gone.
    Cancelled,
}

impl HandlerRecord {
    pub(super) fn new(handler: &HandlerInfo, at: Instant) -> Self {
        Self { address: Some(address(handler)), ..Self::unnamed(handler, at) }
    }

    pub(super) fn unnamed(handler: &HandlerInfo, at: Instant) -> Self {
        Self {
            handler: handler.clone(),
            address: None,
            attempts: 0,
            began: at,
            worked: Duration::ZERO,
            end: End::AtWork,
            dead_letter: None,
            kept_out_by: None,
        }
    }

    pub(super) fn is(&self, handler: &HandlerInfo) -> bool {
        self.address == Some(address(handler)) && self.handler == *handler
    }

    pub(super) fn may_be(&self, handler: &HandlerInfo) -> bool {
        self.address.is_none() && self.handler == *handler
    }

    pub(super) fn is_named_by(&mut self, handler: &HandlerInfo) {
        self.address = Some(address(handler));
    }

    pub(super) fn is_at_work(&self) -> bool {
        matches!(self.end, End::AtWork) && self.kept_out_by.is_none()
    }

    /// It is called, for the first time or again.
    pub(super) fn begins(&mut self, attempts: Option<u32>, now: Instant) {
        self.attempts = attempts.unwrap_or(0).max(self.attempts);
        if !matches!(self.end, End::AtWork) {
            self.began = now;
            self.end = End::AtWork;
        }
    }

    pub(super) fn ends(&mut self, end: End, attempts: Option<u32>, now: Instant) {
        self.attempts = attempts.unwrap_or(0).max(self.attempts);
        if matches!(self.end, End::AtWork) {
            let took = now.saturating_duration_since(self.began);
            self.worked = self.worked.saturating_add(took);
        }
        self.end = end;
    }
}

fn address(handler: &HandlerInfo) -> usize {
    ptr::from_ref(handler).addr()
}
