//! Checks what was registered, and writes down what was found.

use std::any::TypeId;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::contract::{RegisteredHandler, Registry};
use super::entry::{AroundEntry, FilterEntry, HandlerEntry, MakeHook, MessageEntry, Registered};
use super::plan::Plan;
use super::problem::{BuildError, WiringProblem};
use super::report::{WiringReport, WiringRow};
use super::type_map::TypeMap;
use crate::event::filter::{AnyFilter, Installed};
use crate::handler::param::Requirements;
use crate::message::MessageInfo;
use crate::message::order::Order;
use crate::pipeline::hook::Hook;
use crate::pipeline::middleware::Layer;
use crate::pipeline::middleware::layers::MakeLayer;
use crate::session::SessionId;

/// A handler with its entry.
pub(crate) type Planned = (&'static HandlerEntry, Plan);

/// The handlers that are registered at link time, in an order that no build changes: inventory's
/// own is another in every configuration.
pub(crate) fn registered() -> Vec<&'static HandlerEntry> {
    let mut entries: Vec<_> =
        inventory::iter::<Registered>.into_iter().map(|entry| entry.0).collect();
    entries.sort_by_key(|e| (e.meta.module, e.meta.name, e.meta.line, e.meta.column));
    entries
}

/// The filters that are registered at link time, in the order in which they are asked.
pub(crate) fn linked_filters() -> Vec<Installed> {
    let mut entries: Vec<_> = inventory::iter::<FilterEntry>.into_iter().collect();
    entries.sort_by_key(|e| (Reverse(e.priority), e.module, e.filter.name, e.line, e.column));
    entries.iter().map(|e| Installed::new(AnyFilter(Arc::new(e.filter)))).collect()
}

/// The middleware that are registered at link time, in the order in which equals stand around a handler.
pub(crate) fn linked_layers() -> Vec<Layer> {
    let mut entries: Vec<_> = inventory::iter::<AroundEntry<MakeLayer>>.into_iter().collect();
    entries.sort_by_key(|e| (e.module, e.name, e.line, e.column));
    entries.iter().map(|e| (e.make)()).collect()
}

/// The hooks that are registered at link time, in the order in which they are told.
pub(crate) fn linked_hooks() -> Vec<Arc<dyn Hook>> {
    let mut entries: Vec<_> = inventory::iter::<AroundEntry<MakeHook>>.into_iter().collect();
    entries.sort_by_key(|e| (Reverse(e.priority), e.module, e.name, e.line, e.column));
    entries.iter().map(|e| (e.make)()).collect()
}

/// What middleware take was provided or will be.
pub(crate) fn check_layers<'l>(
    layers: impl IntoIterator<Item = &'l Layer>,
    is_there: impl Fn(TypeId) -> bool,
    problems: &mut Vec<WiringProblem>,
) {
    for layer in layers {
        let (taker, takes) = layer.require();
        let missing = takes.resources.iter().filter(|needed| !is_there(needed.type_id));
        problems.extend(missing.map(|needed| WiringProblem::MissingResource {
            taker: taker.clone(),
            resource: needed.type_name,
        }));
    }
}

/// One handler a command; what each handler takes was provided or will be.
pub(crate) fn check_handlers(
    plans: &[Planned],
    is_there: impl Fn(TypeId) -> bool + Copy,
    problems: &mut Vec<WiringProblem>,
) {
    let mut first_of: TypeMap<&Plan> = TypeMap::default();
    for (entry, plan) in plans {
        if plan.message.is_command()
            && let Some(first) = first_of.insert(plan.message.type_id(), plan)
        {
            problems.push(WiringProblem::TwoHandlers {
                command: plan.message.name(),
                first: first.handler.clone(),
                second: plan.handler.clone(),
            });
        }
        let mut takes = Requirements::default();
        (entry.require)(&mut takes);
        let missing = takes.resources.iter().filter(|needed| !is_there(needed.type_id));
        check_layers(&plan.own_layers, is_there, problems);
        problems.extend(missing.map(|requirement| WiringProblem::MissingResource {
            taker: format!("handler {}", plan.handler),
            resource: requirement.type_name,
        }));
    }
}

/// Lists every linked message with its handlers. Two messages of one name are a problem: names are
/// what is written into logs, and later onto the wire.
pub(crate) fn report(
    registered: bool,
    strict: bool,
    plans: &[Planned],
    problems: &mut Vec<WiringProblem>,
) -> WiringReport {
    let mut by_name: BTreeMap<&'static str, WiringRow> = BTreeMap::new();
    let linked = inventory::iter::<MessageEntry>.into_iter().map(|entry| entry.0);
    let linked = linked.filter(|_| registered);
    for message in linked.chain(plans.iter().map(|(_, plan)| plan.message)) {
        let row = by_name.entry(message.name());
        let row = row.or_insert_with(|| WiringRow { message, handlers: Vec::new() });
        if row.message.type_id() != message.type_id() {
            problems.push(WiringProblem::same_name(row.message, message));
        }
    }
    for (_, plan) in plans {
        if let Some(row) = by_name.get_mut(plan.message.name()) {
            row.handlers.push(plan.handler.clone());
        }
    }
    check_streams(by_name.values().map(|row| row.message), problems);
    let rows: Vec<WiringRow> =
        by_name.into_values().filter(|row| !is_own_and_unheard(row)).collect();
    let mut warnings = Vec::new();
    for row in rows.iter().filter(|row| row.message.is_command() && row.handlers.is_empty()) {
        let (command, place) = (row.message.name(), row.message.place());
        let problem = WiringProblem::NoHandler { command, place };
        if strict {
            problems.push(problem);
        } else {
            warnings.push(problem.to_string());
        }
    }
    problems.dedup_by_key(|problem| problem.to_string());
    WiringReport { rows, warnings }
}

/// The types of a stream have keys of one type, or none: else they would not meet in their lanes.
fn check_streams(
    messages: impl Iterator<Item = &'static MessageInfo>,
    problems: &mut Vec<WiringProblem>,
) {
    let mut first_of: BTreeMap<&'static str, (&'static MessageInfo, &'static Order)> =
        BTreeMap::new();
    for message in messages {
        let Some(order) = message.lanes() else { continue };
        let Some(stream) = order.stream else { continue };
        let (first, its) = first_of.entry(stream).or_insert((message, order));
        if !its.meets(order) {
            problems.push(WiringProblem::StreamKeys {
                stream,
                first: its.describe_key(first),
                second: order.describe_key(message),
            });
        }
    }
}

/// Gives the handlers to the registry, and gives back those that it wants to be called. If the bus
/// cannot be built with these, it lets go of all of them.
pub(crate) fn keep(
    registry: &dyn Registry,
    plans: Vec<Planned>,
    strict: bool,
    report: &mut WiringReport,
) -> Result<Vec<RegisteredHandler>, BuildError> {
    let (mut kept, mut problems) = (Vec::new(), Vec::new());
    for (_, plan) in plans {
        let handler = RegisteredHandler::of_bus(Arc::new(plan));
        match registry.register(handler.clone()) {
            Ok(()) => kept.push(handler),
            Err(error) => problems.push(WiringProblem::Refused {
                handler: handler.info().clone(),
                reason: error.to_string(),
            }),
        }
    }
    let listed = registry.handlers(&SessionId::BUS).unwrap_or_else(|error| {
        problems.push(WiringProblem::Registry { reason: error.to_string() });
        Vec::new()
    });
    if problems.is_empty() {
        let silent = kept.iter().filter(|kept| !listed.iter().any(|other| other.id() == kept.id()));
        report.leave_out(silent, strict, &mut problems);
    }
    if problems.is_empty() {
        return Ok(listed);
    }
    for handler in kept {
        registry.unregister(&SessionId::BUS, handler.id());
    }
    Err(BuildError::new(problems))
}

impl WiringReport {
    /// Handlers that are registered and are not called.
    fn leave_out<'a>(
        &mut self,
        silent: impl Iterator<Item = &'a RegisteredHandler>,
        strict: bool,
        problems: &mut Vec<WiringProblem>,
    ) {
        for handler in silent {
            let (info, message) = (handler.info(), handler.message());
            let unlisted = format!("handler {info} is not called: the registry does not list it");
            self.warnings.push(unlisted);
            let row = self.rows.iter_mut().find(|row| std::ptr::eq(row.message, message));
            let Some(row) = row else { continue };
            row.handlers.retain(|other| other != info);
            if message.is_command() && row.handlers.is_empty() {
                let switched_off = info.clone();
                let problem = WiringProblem::SwitchedOff { command: message.name(), switched_off };
                if strict {
                    problems.push(problem);
                } else {
                    self.warnings.push(problem.to_string());
                }
            }
        }
    }
}

/// The bus's own events are listed only where somebody handles them.
fn is_own_and_unheard(row: &WiringRow) -> bool {
    row.handlers.is_empty() && row.message.is_own()
}

/// Is the module one of those named, or inside one?
pub(crate) fn is_within(module: &str, named: &[String]) -> bool {
    named.iter().any(|outer| {
        module
            .strip_prefix(outer.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    })
}
