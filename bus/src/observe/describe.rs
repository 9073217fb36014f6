//! What is wired, as data.

use std::collections::BTreeMap;
use std::time::Duration;

use super::flow::Flow;
use crate::core::Core;
use crate::message::MessageInfo;
use crate::pipeline::hook;
use crate::registry::plan::Plan;
use crate::session::SessionId;

/// What is wired in a bus at the moment: [`Bus::describe`](crate::Bus::describe). It is read from the
/// plans that dispatches follow, so that it cannot differ from what is done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Description {
    /// Every message that is linked or handled: commands, then events, each sorted by name. The bus's
    /// own events only where somebody handles them.
    pub messages: Vec<MessageDescription>,
    /// The filters before the queue, in the order in which they are asked.
    pub filters: Vec<String>,
    /// Which messages were seen to be sent by handlers of which, by name, where no `Emit<E>` parameter
    /// says so: with [`Builder::record_flow`](crate::Builder::record_flow).
    pub seen: Vec<(&'static str, &'static str)>,
}

/// A message, and who handles it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct MessageDescription {
    /// Its stable name.
    pub name: &'static str,
    /// The last segment of its type's path.
    pub short_name: &'static str,
    /// Is it a command? Else it is an event.
    pub is_command: bool,
    /// `kind = ..` of its attribute.
    pub category: String,
    /// `version = ..` of its attribute.
    pub version: u32,
    /// The file in which it is declared.
    pub file: &'static str,
    /// The line.
    pub line: u32,
    /// In which order its events are handled, as its attribute says it: `ordered`, `key = "order_id"`.
    pub order: Option<String>,
    /// How long its events may be queued.
    #[cfg_attr(feature = "json", serde(serialize_with = "seconds"))]
    pub ttl: Option<Duration>,
    /// What can be done with it: `Clone`, `Debug`, `JSON`, `Validate`.
    pub capabilities: Vec<&'static str>,
    /// Who handles it, in the order in which they run. Of a command's, the first of a session or of
    /// the bus answers there.
    pub handlers: Vec<HandlerDescription>,
}

/// A handler, and how it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HandlerDescription {
    /// Its name.
    pub name: String,
    /// Its module; empty for a closure.
    pub module: &'static str,
    /// The file in which it stands.
    pub file: &'static str,
    /// The line.
    pub line: u32,
    /// Higher runs first.
    pub priority: i32,
    /// Whose it is: "BUS", or the id of a session.
    pub session: String,
    /// Was it registered at run time?
    pub at_run_time: bool,
    /// A plain function, which is called in place.
    pub is_plain: bool,
    /// How long it may take.
    #[cfg_attr(feature = "json", serde(serialize_with = "seconds"))]
    pub timeout: Option<Duration>,
    /// How long each of its attempts may take.
    #[cfg_attr(feature = "json", serde(serialize_with = "seconds"))]
    pub attempt_timeout: Option<Duration>,
    /// How often it is called again at most, when it has failed; not counting delayed retries.
    pub retries: u32,
    /// The circuit breaker that it stands behind.
    pub circuit_breaker: Option<String>,
    /// Is what it gives up on kept as dead letters?
    pub dead_letters: bool,
    /// How many runs there may be at once.
    pub concurrency: Option<u32>,
    /// How many events it takes at once at most; `None`: one at a time.
    pub batch: Option<usize>,
    /// The filter that it stands behind.
    pub filter: Option<String>,
    /// The middleware that it stands inside of: the outer ones, outermost first, then those that are a
    /// part of each run.
    pub middleware: Vec<String>,
    /// The hooks that are told of its runs.
    pub hooks: Vec<String>,
    /// The names of the events that it may emit: its `Emit<E>` parameters. What it publishes besides
    /// does not show in its signature.
    pub emits: Vec<&'static str>,
}

#[cfg(feature = "json")]
#[expect(clippy::ref_option, reason = "what serde calls it with")]
fn seconds<S: serde::Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&duration.map(|duration| duration.as_secs_f64()), serializer)
}

impl Description {
    pub(crate) fn of(core: &Core) -> Self {
        let mut messages: BTreeMap<&'static str, MessageDescription> = BTreeMap::new();
        for row in core.wiring.rows() {
            messages.insert(row.message.name(), MessageDescription::of(row.message));
        }
        // Innermost sessions first, as their handlers run before those around them.
        let mut scopes = core.sessions.all();
        scopes.sort_by_key(|scope| std::cmp::Reverse(scope.depth));
        let mut emitted = Vec::new();
        let of_sessions = scopes.iter().filter_map(|scope| scope.wired.table());
        let of_bus = core.wired.table();
        let tables = of_sessions.collect::<Vec<_>>();
        let tables = tables.iter().map(|table| &**table);
        for table in tables.chain([of_bus.as_deref().unwrap_or(&core.table)]) {
            for plan in table.all() {
                let message = messages.entry(plan.message.name());
                let message = message.or_insert_with(|| MessageDescription::of(plan.message));
                message.handlers.push(HandlerDescription::of(&plan));
                emitted.extend(plan.emits.iter().copied());
            }
        }
        let seen = core.settings.flow.as_ref().map(Flow::all).unwrap_or_default();
        for info in emitted.into_iter().chain(seen.iter().map(|(_, to)| *to)) {
            messages.entry(info.name()).or_insert_with(|| MessageDescription::of(info));
        }
        let mut seen: Vec<_> = seen.into_iter().map(|(edge, _)| edge).collect();
        for message in messages.values_mut() {
            message.handlers.sort_by_key(|handler| std::cmp::Reverse(handler.priority));
        }
        let filters = core.settings.filters.iter().map(|filter| filter.stats(None).filter.into());
        let mut messages: Vec<_> = messages.into_values().collect();
        messages.sort_by_key(|message| !message.is_command);
        seen.retain(|(from, to)| {
            let from = messages.iter().find(|message| message.name == *from);
            let mut handlers = from.into_iter().flat_map(|message| &message.handlers);
            !handlers.any(|handler| handler.emits.contains(to))
        });
        Self { messages, filters: filters.collect(), seen }
    }
}

impl MessageDescription {
    fn of(info: &'static MessageInfo) -> Self {
        let can = info.capabilities();
        let can = [
            (can.clone, "Clone"),
            (can.debug, "Debug"),
            (can.json.is_some(), "JSON"),
            (can.validate.is_some(), "Validate"),
        ];
        let (file, line) = info.place();
        Self {
            name: info.name(),
            short_name: info.short_name(),
            is_command: info.is_command(),
            category: info.category().to_string(),
            version: info.version(),
            file,
            line,
            order: info.order(),
            ttl: info.ttl(),
            capabilities: can.into_iter().filter_map(|(can, what)| can.then_some(what)).collect(),
            handlers: Vec::new(),
        }
    }
}

impl HandlerDescription {
    pub(super) fn of(plan: &Plan) -> Self {
        let (handler, policy) = (&plan.handler, plan.policy.as_deref());
        let breaker = policy.and_then(|policy| policy.breaker.as_ref());
        let session = plan.owner().map_or(SessionId::BUS, |scope| scope.id.clone());
        Self {
            name: handler.name.to_string(),
            module: handler.module,
            file: handler.file,
            line: handler.line,
            priority: handler.priority,
            session: session.to_string(),
            at_run_time: handler.at_run_time,
            is_plain: plan.is_plain,
            timeout: plan.timeout.get(),
            attempt_timeout: policy.and_then(|policy| policy.attempt_timeout),
            retries: policy.and_then(|policy| policy.retry).map_or(0, |retry| retry.max_retries),
            circuit_breaker: breaker.map(|breaker| breaker.name().to_owned()),
            dead_letters: policy.is_some_and(|policy| policy.dead_letters),
            concurrency: plan.concurrency,
            batch: plan.batch.map(|batch| batch.size.get()),
            filter: plan.filter.as_ref().map(|filter| filter.stats(None).filter.into()),
            middleware: plan.layers.iter().flat_map(|layers| layers.names()).collect(),
            hooks: plan.hooks.iter().map(|hook| hook::name_of(&**hook).into()).collect(),
            emits: plan.emits.iter().map(|event| event.name()).collect(),
        }
    }
}
