//! What only some lines have: what their words say beside the rest, each for a program to read.

use serde::Serialize;

use crate::event::{Outcome, QueueMark};
use crate::observe::{Happening, What};
use crate::resilience::{CircuitReason, CircuitState};

#[derive(Default, Serialize)]
pub(super) struct Own<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    displaced: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delayed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    circuit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_before: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queued: Option<u64>,
}

impl<'a> Own<'a> {
    pub(super) fn of(happening: &Happening<'a>) -> Self {
        let mut own = Self::default();
        match *happening.what() {
            What::Published { outcome: Outcome::QueuedAfterDropping(events), .. } => {
                own.displaced = Some(*events as u64);
            }
            What::Scheduled { due, .. } => {
                let delay = due.saturating_duration_since(happening.at());
                own.delay_seconds = Some(delay.as_secs_f64());
            }
            What::Filtered { by, .. } => own.filter = Some(by),
            What::Handling { batch, .. } => own.batch = batch.map(|id| id.to_string()),
            What::Retrying { after, delayed, .. } => {
                own.delay_seconds = Some(after.as_secs_f64());
                own.delayed = delayed.then_some(true);
            }
            What::DeadLettered { letter, .. } => own.dead_letter = Some(letter.to_string()),
            What::Dropped { reason, count } => {
                (own.reason, own.count) = (Some(reason.label()), Some(count));
            }
            What::CircuitChanged { circuit, change } => {
                (own.circuit, own.change) = (Some(circuit), Some(change.number));
                own.state_before = Some(state(change.from));
                own.state = Some(state(change.to));
                own.reason = Some(reason(change.reason));
                if let CircuitReason::Failures { failures, calls } = change.reason {
                    (own.failures, own.calls) = (Some(failures), Some(calls));
                }
            }
            What::QueueMark { mark, queued } => {
                own.mark = Some(match mark {
                    QueueMark::High => "high",
                    QueueMark::Low => "low",
                });
                own.queued = Some(queued as u64);
            }
            // These have no more to say than all do.
            What::Executing { .. }
            | What::Executed { .. }
            | What::Abandoned
            | What::Published { .. }
            | What::Rejected { .. }
            | What::Handled { .. }
            | What::Discarded { .. }
            | What::Unhandled
            | What::Expired
            | What::SessionOpened
            | What::SessionEnded { .. } => {}
        }
        own
    }
}

fn state(state: CircuitState) -> &'static str {
    match state {
        CircuitState::Closed => "closed",
        CircuitState::Open => "open",
        CircuitState::HalfOpen => "half_open",
    }
}

fn reason(reason: CircuitReason) -> &'static str {
    match reason {
        CircuitReason::Failures { .. } => "failures",
        CircuitReason::RecoveryTimeout => "recovery_timeout",
        CircuitReason::ProbeFailed => "probe_failed",
        CircuitReason::Recovered => "recovered",
        CircuitReason::ForcedOpen => "forced_open",
        CircuitReason::Disabled => "disabled",
        CircuitReason::Reset => "reset",
    }
}
