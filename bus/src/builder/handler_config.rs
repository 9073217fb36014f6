//! What an operator may set for one handler.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::registry::plan::{Plan, slots};
use crate::registry::problem::WiringProblem;

/// What an operator may set for one handler, over what its attribute says.
#[derive(Debug, Clone, Default)]
pub struct HandlerConfig {
    pub(crate) priority: Option<i32>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) concurrency: Option<u32>,
}

impl HandlerConfig {
    /// Higher runs first.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = Some(priority);
        self
    }
    /// Ends a run of the handler after this long.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
    /// How many runs of the handler there may be at once, at least 1: for handlers of events.
    #[must_use]
    pub fn concurrency(mut self, runs: u32) -> Self {
        self.concurrency = Some(runs);
        self
    }

    pub(super) fn apply(&self, plan: &mut Plan, problems: &mut Vec<WiringProblem>) {
        plan.handler.priority = self.priority.unwrap_or(plan.handler.priority);
        plan.timeout = self.timeout.or(plan.timeout);
        let Some(runs) = self.concurrency else { return };
        let limit = NonZeroU32::new(runs);
        let range = match limit {
            _ if plan.message.is_command() => "left out: a command runs in its caller's task",
            None => "at least 1",
            Some(_) => return plan.slots = slots(limit),
        };
        let value = format!("{runs} for the handler {}", plan.handler);
        problems.push(WiringProblem::BadSetting { setting: "concurrency", value, range });
    }
}
