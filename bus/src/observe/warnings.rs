//! What in the wiring looks wrong without being an error: events that nobody handles, and cycles.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::message::MessageInfo;
use crate::registry::plan::Plan;
use crate::registry::table::Table;

/// By what is declared: the `Emit<E>` parameters of the handlers of the bus.
pub(crate) fn of(table: &Table) -> Vec<String> {
    let plans = table.all();
    let mut warnings = unheard(table, &plans);
    warnings.extend(cycle(&plans));
    warnings
}

fn unheard(table: &Table, plans: &[Arc<Plan>]) -> Vec<String> {
    let mut unheard = BTreeMap::new();
    for plan in plans {
        for event in &plan.emits {
            if table.route(event).is_none_or(|route| route.only_any) {
                unheard.entry(event.name()).or_insert_with(|| {
                    let (event, by) = (event.name(), &plan.handler);
                    format!("event {event} is emitted by handler {by}, and nobody handles it")
                });
            }
        }
    }
    unheard.into_values().collect()
}

/// The first cycle, from its first message in the order of names.
fn cycle(plans: &[Arc<Plan>]) -> Option<String> {
    let mut edges: BTreeMap<&str, Vec<&'static MessageInfo>> = BTreeMap::new();
    for plan in plans {
        let from = edges.entry(plan.message.name()).or_default();
        from.extend(plan.emits.iter().copied());
    }
    let mut done = Vec::new();
    edges.keys().find_map(|start| {
        let mut path = vec![*start];
        let found = walk(start, &edges, &mut path, &mut done);
        found.then(|| format!("messages may cause one another without end: {}", path.join(" -> ")))
    })
}

/// Depth first. `path` is the cycle when it has found one.
fn walk<'p>(
    at: &'p str,
    edges: &BTreeMap<&'p str, Vec<&'static MessageInfo>>,
    path: &mut Vec<&'p str>,
    done: &mut Vec<&'p str>,
) -> bool {
    if done.contains(&at) {
        return false;
    }
    for event in edges.get(at).into_iter().flatten() {
        let next = event.name();
        if let Some(first) = path.iter().position(|name| *name == next) {
            path.drain(..first);
            path.push(next);
            return true;
        }
        path.push(next);
        if walk(next, edges, path, done) {
            return true;
        }
        path.pop();
    }
    done.push(at);
    false
}
