//! Who would get a message, in which order, and why the others would not.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::describe::HandlerDescription;
use crate::core::Core;
use crate::event::filter::FilterView;
use crate::message::order::LaneId;
use crate::message::{Message, MessageId, MessageInfo};
use crate::registry::HandlerId;
use crate::registry::plan::Plan;
use crate::resilience::CircuitState;
use crate::session::{Scope, SessionId};

/// Who would get a message now: [`Bus::explain`](crate::Bus::explain). Nothing is sent, and nothing is
/// counted.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Explanation {
    /// The name of the message.
    pub message: &'static str,
    /// Is it a command?
    pub is_command: bool,
    /// The session that it would be sent in: "BUS" outside sessions.
    pub session: String,
    /// What the filters before the queue say, in the order in which they are asked: name and answer.
    /// The first `false` keeps the event out.
    pub filters: Vec<(String, bool)>,
    /// The handlers of the message, in the order in which they run, then those that would not be
    /// called.
    pub handlers: Vec<ExplainedHandler>,
}

/// A handler of the message.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ExplainedHandler {
    /// The handler, with all that it stands behind and inside of.
    pub handler: HandlerDescription,
    /// In which turn it runs, from 1: handlers of one turn run concurrently, each turn when the one
    /// before has ended. `None`: it would not be called.
    pub turn: Option<usize>,
    /// Why it would not be called.
    pub why_not: Option<String>,
    /// What keeps calls from it now, though it is its turn: a circuit breaker that is open, which rejects
    /// commands and lets events wait; or a dead letter of the same sequence, which events are parked behind.
    pub held_up: Option<String>,
}

impl Explanation {
    /// Would the message enter, and somebody be called?
    #[must_use]
    pub fn is_handled(&self) -> bool {
        self.handlers.iter().any(|handler| handler.turn.is_some())
    }

    pub(crate) fn of<M: Message>(core: &Core, scope: Option<&Arc<Scope>>, message: &M) -> Self {
        let view = FilterView::asked(core, M::INFO, MessageId::next(core.number), message, scope);
        // Commands are not filtered, nor are the bus's own events.
        let is_filtered = !M::INFO.is_command() && !M::INFO.is_own();
        let asked = core.settings.filters.iter().filter(|_| is_filtered);
        let filters: Vec<_> = asked.map(|filter| filter.peek(&view)).collect();
        let kept_out = filters.iter().find(|(_, accepts)| !accepts);
        let kept_out =
            kept_out.map(|(filter, _)| format!("the filter {filter} keeps the event out"));
        let mut explained = Self {
            message: M::INFO.name(),
            is_command: M::INFO.is_command(),
            session: scope.map_or(SessionId::BUS, |scope| scope.id.clone()).to_string(),
            filters: filters.clone(),
            handlers: Vec::new(),
        };
        let called = if M::INFO.is_command() {
            explained.of_command(core, scope, M::INFO)
        } else {
            explained.of_event(core, scope, &view, (M::INFO.lane(message), kept_out.as_deref()))
        };
        explained.others(core, scope, M::INFO, &called);
        // Stable: what is called comes first, in its order.
        explained.handlers.sort_by_key(|handler| handler.turn.unwrap_or(usize::MAX));
        explained
    }

    /// One that would be called.
    fn add(&mut self, plan: &Plan, turn: usize, held_up: Option<String>) {
        let (handler, turn) = (HandlerDescription::of(plan), Some(turn));
        self.handlers.push(ExplainedHandler { handler, turn, why_not: None, held_up });
    }

    /// One that would not.
    fn leave_out(&mut self, plan: &Plan, why_not: String) {
        let (handler, why_not) = (HandlerDescription::of(plan), Some(why_not));
        self.handlers.push(ExplainedHandler { handler, turn: None, why_not, held_up: None });
    }

    fn of_command(
        &mut self,
        core: &Core,
        scope: Option<&Arc<Scope>>,
        info: &MessageInfo,
    ) -> Vec<HandlerId> {
        let Some(answers) = core.command(info.type_id(), scope) else { return Vec::new() };
        self.add(&answers, 1, behind_circuit(&answers));
        let mut told = vec![answers.id];
        for plan in registered(core, scope) {
            if plan.message.type_id() == info.type_id() && plan.id != answers.id {
                self.leave_out(&plan, format!("{} answers in its place", answers.handler));
                told.push(plan.id);
            }
        }
        told
    }

    fn of_event(
        &mut self,
        core: &Core,
        scope: Option<&Arc<Scope>>,
        view: &FilterView<'_>,
        (lane, kept_out): (Option<LaneId>, Option<&str>),
    ) -> Vec<HandlerId> {
        let Some(route) = core.route(view.info(), scope) else { return Vec::new() };
        for (turn, group) in route.groups().enumerate() {
            for plan in group {
                let own = plan.filter.as_ref().map(|filter| filter.peek(view));
                match (kept_out, own) {
                    (Some(why), _) => self.leave_out(plan, why.to_owned()),
                    (None, Some((filter, false))) => {
                        self.leave_out(plan, format!("its filter {filter} keeps the event out"));
                    }
                    (None, _) => {
                        let head = lane.and_then(|lane| core.dead_letters.is_behind(plan.id, lane));
                        let head = head.map(|head| format!("dead letter {head} comes before it"));
                        self.add(plan, turn + 1, head.or_else(|| behind_circuit(plan)));
                    }
                }
            }
        }
        route.plans.iter().map(|plan| plan.id).collect()
    }

    /// Handlers of the message that are not asked at all.
    fn others(
        &mut self,
        core: &Core,
        scope: Option<&Arc<Scope>>,
        info: &MessageInfo,
        told: &[HandlerId],
    ) {
        for other in core.sessions.all() {
            if scope.is_some_and(|scope| scope.is_within(&other)) {
                continue;
            }
            let plans = other.wired.table().into_iter().flat_map(|table| table.all());
            for plan in plans.filter(|plan| plan.handles(info)) {
                self.leave_out(
                    &plan,
                    format!("it hears only what is sent in session {}", other.id),
                );
            }
        }
        let of_bus = core.wired.table();
        for plan in of_bus.as_deref().unwrap_or(&core.table).all() {
            let is_any = plan.message.hears().is_some() && !info.is_command();
            if is_any && !told.contains(&plan.id) {
                let category = format!("{:?}", info.category()).to_lowercase();
                self.leave_out(&plan, format!("it hears other events than {category} ones"));
            }
        }
    }
}

fn behind_circuit(plan: &Plan) -> Option<String> {
    let breaker = plan.policy.as_ref()?.breaker.as_ref()?.snapshot();
    let is_open =
        breaker.state == CircuitState::Open && breaker.retry_after != Some(Duration::ZERO);
    is_open.then(|| format!("circuit breaker `{}` is open", breaker.name))
}

/// What the registry lists of the sessions around, innermost first, and of the bus: those too that
/// another one outranks.
fn registered(core: &Core, scope: Option<&Arc<Scope>>) -> Vec<Arc<Plan>> {
    let around = scope.into_iter().flat_map(|scope| scope.chain()).map(|scope| &scope.id);
    let ids = around.chain([const { &SessionId::BUS }]);
    ids.flat_map(|id| {
        let listed = core.registry.handlers(id).unwrap_or_default();
        let mut plans: Vec<_> = listed.into_iter().map(|handler| handler.plan).collect();
        plans.sort_by(|a, b| a.handler.order(&b.handler));
        plans
    })
    .collect()
}

impl Plan {
    /// Is it called for such messages, if it is asked?
    fn handles(&self, info: &MessageInfo) -> bool {
        let hears = self.message.hears().filter(|_| !info.is_command() && !info.is_own());
        self.message.type_id() == info.type_id()
            || hears.is_some_and(|heard| heard.is_any_of(info.category()))
    }
}

/// For people.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_command { "command" } else { "event" };
        writeln!(f, "{kind} {} in session {}", self.message, self.session)?;
        for (filter, accepts) in &self.filters {
            let says = if *accepts { "lets it in" } else { "keeps it out" };
            writeln!(f, "  filter {filter} {says}")?;
        }
        if self.handlers.is_empty() {
            writeln!(f, "  nobody handles it")?;
        }
        for ExplainedHandler { handler, turn, why_not, held_up } in &self.handlers {
            let turn = turn.map_or_else(|| "-".to_owned(), |turn| turn.to_string());
            write!(f, "  {turn:>3}.{handler}")?;
            if let Some(why_not) = why_not {
                writeln!(f, "        not called: {why_not}")?;
            }
            if let Some(held_up) = held_up {
                writeln!(f, "        held up: {held_up}")?;
            }
        }
        Ok(())
    }
}
