//! What an operator may set for one handler.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::MaybeDuration;
use crate::event::EventFilter;
use crate::event::filter::{AnyFilter, Installed};
use crate::pipeline::middleware::{IntoLayer, Layer};
use crate::registry::plan::{Plan, slots};
use crate::registry::problem::WiringProblem;
use crate::resilience::said::{Said, setters};

/// What an operator may set for one handler, over what its attribute says.
#[derive(Debug, Clone, Default)]
#[must_use = "given back to `configure`"]
pub struct HandlerConfig {
    pub(crate) priority: Option<i32>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) concurrency: Option<u32>,
    batch: Option<usize>,
    filter: Option<AnyFilter>,
    layers: Vec<Layer>,
    said: Said,
}

setters!(HandlerConfig);

impl HandlerConfig {
    /// Higher runs first.
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = Some(priority);
        self
    }
    /// Ends a run of the handler after this long.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
    /// How many runs of the handler there may be at once, at least 1. Of an event the others are queued, of
    /// a command they wait in turn: see [`waiting_room`](Self::waiting_room).
    pub fn concurrency(mut self, runs: u32) -> Self {
        self.concurrency = Some(runs);
        self
    }
    /// How many events the handler takes at once at most, at least 1: for one whose attribute says `batch`.
    pub fn batch(mut self, events: usize) -> Self {
        self.batch = Some(events);
        self
    }
    /// Decides whether the handler is called, in place of the one its attribute names: for handlers of
    /// events.
    pub fn filter(mut self, filter: impl EventFilter) -> Self {
        self.filter = Some(AnyFilter(Arc::new(filter)));
        self
    }

    /// Adds a middleware around this handler, inside of those that its attribute names.
    pub fn middleware(mut self, middleware: impl IntoLayer) -> Self {
        self.layers.push(middleware.into_layer());
        self
    }

    pub(super) fn apply(&self, plan: &mut Plan, problems: &mut Vec<WiringProblem>) {
        plan.handler.priority = self.priority.unwrap_or(plan.handler.priority);
        plan.timeout = MaybeDuration::from(self.timeout).or(plan.timeout);
        plan.said = std::mem::take(&mut plan.said).under(self.said.clone());
        plan.own_layers.extend(self.layers.iter().cloned());
        if let Some(filter) = &self.filter {
            if plan.message.is_command() {
                let range = "left out: a command has to be answered";
                let value = format!("given for the handler {}", plan.handler);
                problems.push(WiringProblem::BadSetting { setting: "filter", value, range });
            } else {
                plan.filter = Some(Box::new(Installed::new(filter.clone())));
            }
        }
        if let Some(events) = self.batch {
            match (&mut plan.batch, NonZeroUsize::new(events)) {
                (Some(batch), Some(size)) => batch.size = size,
                (batch, _) => {
                    let takes = batch.is_some();
                    let range =
                        if takes { "at least 1" } else { "left out: it takes one at a time" };
                    let value = format!("{events} for the handler {}", plan.handler);
                    problems.push(WiringProblem::BadSetting { setting: "batch", value, range });
                }
            }
        }
        let Some(runs) = self.concurrency else { return };
        let limit = NonZeroU32::new(runs);
        let range = match limit {
            None => "at least 1",
            Some(_) => {
                plan.concurrency = Some(runs);
                return plan.slots = slots(limit);
            }
        };
        let value = format!("{runs} for the handler {}", plan.handler);
        problems.push(WiringProblem::BadSetting { setting: "concurrency", value, range });
    }
}
