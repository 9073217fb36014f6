//! The table that a dispatch looks into: compiled once, then only read.

use std::any::TypeId;
use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::ops::Deref;
use std::sync::Arc;

use super::contract::{HandlerId, RegisteredHandler};
use super::listens::Listens;
use super::plan::Plan;
use super::type_map::TypeMap;
use crate::message::order::Group;
use crate::message::{Category, MessageInfo};

/// The handlers of every message type.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) commands: TypeMap<Arc<Plan>>,
    events: TypeMap<Arc<Route>>,
    /// Of events that have no handlers but those that hear any.
    any: Vec<(Category, Arc<Route>)>,
    /// How many these are.
    any_handlers: usize,
    /// Whose lanes batches bring together.
    batched: Batched,
    pub(crate) listens: Listens,
}

#[derive(Default)]
struct Batched {
    groups: Vec<Group>,
    /// Of any events.
    all: bool,
}

/// The handlers of one event, in the order in which they run.
#[derive(Default)]
pub(crate) struct Route {
    pub(crate) plans: Vec<Arc<Plan>>,
    /// Are all of them plain functions that need no slot?
    pub(crate) runs_at_once: bool,
    /// Does one of them take batches?
    pub(crate) has_batches: bool,
    /// Are all of them such as hear any event?
    pub(crate) only_any: bool,
}

impl Route {
    /// The handlers of sessions, innermost first, and of the bus. Among those of one priority, that
    /// is the order in which they run.
    pub(crate) fn merged(routes: impl Iterator<Item = Arc<Route>>) -> Self {
        let mut plans: Vec<_> = routes.flat_map(|route| route.plans.clone()).collect();
        plans.sort_by_key(|plan| Reverse(plan.handler.priority));
        Self::new(plans)
    }

    fn new(plans: Vec<Arc<Plan>>) -> Self {
        let runs_at_once = plans.iter().all(|plan| plan.is_at_once());
        let has_batches = plans.iter().any(|plan| plan.batch.is_some());
        let only_any = plans.iter().all(|plan| plan.message.hears().is_some());
        Self { plans, runs_at_once, has_batches, only_any }
    }

    /// But for one handler.
    pub(crate) fn only(&self, handler: HandlerId) -> Option<Self> {
        let plan = self.plans.iter().find(|plan| plan.id == handler)?;
        Some(Self::new(vec![Arc::clone(plan)]))
    }

    /// Handlers of one priority, highest first: each group starts when the one before has ended.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &[Arc<Plan>]> {
        self.plans.chunk_by(|a, b| a.handler.priority == b.handler.priority)
    }
}

impl Table {
    /// Of what the registry says.
    pub(crate) fn compile(handlers: Vec<RegisteredHandler>) -> Self {
        Self::of(handlers.into_iter().map(|handler| handler.plan).collect())
    }

    /// But for one handler.
    pub(super) fn without(&self, id: HandlerId) -> Self {
        let mut plans = self.all();
        plans.retain(|plan| plan.id != id);
        plans.sort_by_key(|plan| plan.id);
        Self::of(plans)
    }

    fn of(mut plans: Vec<Arc<Plan>>) -> Self {
        // Stable: equals stay in the order of registration.
        plans.sort_by(|a, b| a.handler.order(&b.handler));
        let mut table = Self::default();
        let mut routes: TypeMap<Vec<Arc<Plan>>> = TypeMap::default();
        let mut any = Vec::new();
        for plan in plans {
            let type_id = plan.message.type_id();
            table.note_batches(&plan);
            if plan.message.is_command() {
                // Sorted: the first has the highest priority.
                table.add_command(type_id, plan);
            } else if plan.message.hears().is_some() {
                any.push(plan);
            } else {
                routes.entry(type_id).or_default().push(plan);
            }
        }
        for plans in routes.values_mut() {
            let info = plans[0].message;
            if !info.is_own() {
                plans.extend(hearing(&any, info.category()));
                plans.sort_by(|a, b| a.handler.order(&b.handler));
            }
        }
        let routes = routes.into_iter().map(|(id, plans)| (id, Arc::new(Route::new(plans))));
        table.events = routes.collect();
        for category in [Category::Domain, Category::System, Category::Integration] {
            let plans: Vec<_> = hearing(&any, category).collect();
            if !plans.is_empty() {
                table.any.push((category, Arc::new(Route::new(plans))));
            }
        }
        table.any_handlers = any.len();
        table.listens = Listens::which(|type_id| table.events.contains_key(&type_id));
        table
    }

    fn note_batches(&mut self, plan: &Plan) {
        let (message, batched) = (plan.message, &mut self.batched);
        if plan.batch.is_some() {
            batched.all |= message.hears().is_some();
            if message.lanes().is_some() && !batched.groups.contains(&message.group()) {
                batched.groups.push(message.group());
            }
        }
    }

    /// Do its batches bring lanes of this group together?
    pub(crate) fn brings_together(&self, group: Group) -> bool {
        self.batched.all || self.batched.groups.contains(&group)
    }

    fn add_command(&mut self, type_id: TypeId, plan: Arc<Plan>) {
        match self.commands.entry(type_id) {
            Entry::Vacant(free) => drop(free.insert(plan)),
            // Registering refuses such a one, but a registry may list what it had switched off.
            Entry::Occupied(first) if first.get().handler.priority == plan.handler.priority => {
                let (first, second) = (&first.get().handler, &plan.handler);
                let command = plan.message.name();
                tracing::warn!(command, %first, %second, "a command has two handlers: the first answers");
            }
            Entry::Occupied(_) => {}
        }
    }

    /// The handlers of an event.
    #[inline]
    pub(crate) fn route(&self, info: &MessageInfo) -> Option<&Arc<Route>> {
        self.events.get(&info.type_id()).or_else(|| self.route_of_any(info))
    }

    fn route_of_any(&self, info: &MessageInfo) -> Option<&Arc<Route>> {
        let (_, route) = self.any.iter().find(|(category, _)| *category == info.category())?;
        (!info.is_own()).then_some(route)
    }

    /// The handlers of all events, each once, in the order in which they would run.
    pub(crate) fn event_handlers(&self) -> Vec<Arc<Plan>> {
        let any = self.any.iter().map(|(_, route)| route);
        let all = self.events.values().chain(any).flat_map(|route| &route.plans);
        let mut plans: Vec<_> = all.cloned().collect();
        plans.sort_by_key(|plan| plan.id);
        plans.dedup_by_key(|plan| plan.id);
        plans.sort_by(|a, b| a.handler.order(&b.handler));
        plans
    }

    /// All handlers, each once, in no order.
    pub(crate) fn each(&self, show: &mut dyn FnMut(&Plan)) {
        self.commands.values().for_each(|plan| show(plan));
        let own = self.events.values().flat_map(|route| &route.plans);
        own.filter(|plan| plan.message.hears().is_none()).for_each(|plan| show(plan));
        // One that hears any event is in the routes of all its categories.
        for (at, (_, route)) in self.any.iter().enumerate() {
            let before = &self.any[..at];
            let is_new = |plan: &&Arc<Plan>| {
                before.iter().all(|(_, route)| route.plans.iter().all(|other| other.id != plan.id))
            };
            route.plans.iter().filter(is_new).for_each(|plan| show(plan));
        }
    }

    /// All handlers, those of commands first: sorted.
    pub(crate) fn all(&self) -> Vec<Arc<Plan>> {
        let mut plans: Vec<_> = self.commands.values().cloned().collect();
        plans.sort_by(|a, b| a.handler.order(&b.handler));
        plans.extend(self.event_handlers());
        plans
    }

    /// How many handlers there are.
    pub(crate) fn handlers(&self) -> usize {
        let of_events = self.events.values().flat_map(|route| &route.plans);
        let of_events = of_events.filter(|plan| plan.message.hears().is_none()).count();
        self.commands.len() + of_events + self.any_handlers
    }
}

/// Those that hear any event, and so those of this category.
fn hearing(any: &[Arc<Plan>], category: Category) -> impl Iterator<Item = Arc<Plan>> {
    let hear = any
        .iter()
        .filter(move |plan| plan.message.hears().is_some_and(|heard| heard.is_any_of(category)));
    hear.cloned()
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
