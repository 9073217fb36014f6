//! The table that a dispatch looks into: compiled once, then only read.

use std::any::TypeId;
use std::ops::Deref;
use std::sync::Arc;

use super::plan::Plan;
use super::type_map::TypeMap;
use crate::message::{
    CommandResultEvent, CommandStartedEvent, EventHandlerFailedEvent, EventsDroppedEvent, Message,
    QueueMarkEvent, UnhandledEvent,
};

/// The handlers of every message type.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) commands: TypeMap<Arc<Plan>>,
    pub(crate) events: TypeMap<Arc<Route>>,
    pub(crate) listens: Listens,
}

/// The handlers of one event, in the order in which they run.
#[derive(Default)]
pub(crate) struct Route {
    pub(crate) plans: Vec<Arc<Plan>>,
    /// Are all of them plain functions that need no slot?
    pub(crate) runs_at_once: bool,
}

impl Route {
    /// Handlers of one priority, highest first: each group starts when the one before has ended.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &[Arc<Plan>]> {
        self.plans.chunk_by(|a, b| a.handler.priority == b.handler.priority)
    }
}

/// Which of the bus's own events somebody handles. The others are not even made.
#[derive(Default, Clone, Copy)]
pub(crate) struct Listens {
    pub(crate) command_started: bool,
    pub(crate) command_result: bool,
    pub(crate) handler_failed: bool,
    pub(crate) unhandled: bool,
    pub(crate) queue_mark: bool,
    pub(crate) dropped: bool,
}

impl Table {
    pub(crate) fn new(plans: Vec<Arc<Plan>>) -> Self {
        let mut table = Self::default();
        let mut routes: TypeMap<Route> = TypeMap::default();
        for plan in plans {
            let type_id = plan.message.type_id();
            if plan.message.is_command() {
                // Sorted: the first has the highest priority.
                table.commands.entry(type_id).or_insert(plan);
            } else {
                routes.entry(type_id).or_default().plans.push(plan);
            }
        }
        for route in routes.values_mut() {
            route.runs_at_once = route.plans.iter().all(|plan| plan.runs_at_once());
        }
        table.events = routes.into_iter().map(|(id, route)| (id, Arc::new(route))).collect();
        table.listens = Listens {
            command_started: table.hears::<CommandStartedEvent>(),
            command_result: table.hears::<CommandResultEvent>(),
            handler_failed: table.hears::<EventHandlerFailedEvent>(),
            unhandled: table.hears::<UnhandledEvent>(),
            queue_mark: table.hears::<QueueMarkEvent>(),
            dropped: table.hears::<EventsDroppedEvent>(),
        };
        table
    }

    fn hears<E: Message>(&self) -> bool {
        self.events.contains_key(&TypeId::of::<E>())
    }

    /// How many handlers there are.
    pub(crate) fn handlers(&self) -> usize {
        self.commands.len() + self.events.values().map(|route| route.plans.len()).sum::<usize>()
    }
}

/// Something found: in the table made when the bus was built (borrowed, nothing is counted), or in
/// the one that later additions made.
pub(crate) enum Found<'a, T> {
    Built(&'a T),
    Added(Arc<T>),
}

impl<T> Deref for Found<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        match self {
            Self::Built(found) => found,
            Self::Added(found) => found,
        }
    }
}
