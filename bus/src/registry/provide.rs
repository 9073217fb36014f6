//! Makes the resources that `#[resource]` functions provide, each after those it takes.

use std::any::TypeId;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::entry::ResourceEntry;
use super::problem::WiringProblem;
use crate::handler::param::{Requirement, Requirements};
use crate::handler::resource::{Provided, ResourceSet};
use crate::pipeline::failure::panic_text;

fn place(entry: &ResourceEntry) -> String {
    let meta = &entry.meta;
    format!("resource `{}` at {}:{}", meta.name, meta.file, meta.line)
}

/// Fills `set`, which holds what was provided by hand: that replaces the function's value, and the
/// function is not called.
pub(crate) fn provide(
    mut entries: Vec<&'static ResourceEntry>,
    set: &mut ResourceSet,
    problems: &mut Vec<WiringProblem>,
) {
    entries.retain(|entry| !set.contains(entry.type_id));
    // inventory's order differs from build to build.
    entries.sort_by_key(|e| (e.meta.module, e.meta.name, e.meta.line, e.meta.column));
    refuse_doubles(&mut entries, problems);
    let provided: Vec<_> = entries.iter().map(|entry| entry.type_id).collect();
    // What will never be there: what waits for it has no problem of its own.
    let mut lost = Vec::new();
    refuse_missing(
        &mut entries,
        |id| set.contains(id) || provided.contains(&id),
        &mut lost,
        problems,
    );
    while let Some(at) =
        entries.iter().position(|entry| takes(entry).all(|r| set.contains(r.type_id)))
    {
        let entry = entries.remove(at);
        match make(entry, set) {
            Ok(value) => set.insert(value),
            Err(error) => {
                lost.push(entry.type_id);
                problems.push(WiringProblem::ResourceFailed { resource: place(entry), error });
            }
        }
    }
    while let Some(at) = entries.iter().position(|e| takes(e).any(|r| lost.contains(&r.type_id))) {
        lost.push(entries.remove(at).type_id);
    }
    if !entries.is_empty() {
        let resources = entries.into_iter().map(place).collect();
        problems.push(WiringProblem::ResourceCycle { resources });
    }
}

fn make(entry: &ResourceEntry, set: &ResourceSet) -> Result<Provided, String> {
    match catch_unwind(AssertUnwindSafe(|| (entry.make)(set))) {
        Ok(made) => made.map_err(|error| error.chain()),
        Err(panic) => Err(format!("it panicked: {}", panic_text(&*panic))),
    }
}

fn takes(entry: &ResourceEntry) -> impl Iterator<Item = Requirement> + use<> {
    let mut requirements = Requirements::default();
    (entry.require)(&mut requirements);
    requirements.resources.into_iter()
}

fn refuse_doubles(entries: &mut Vec<&'static ResourceEntry>, problems: &mut Vec<WiringProblem>) {
    let mut kept: Vec<&'static ResourceEntry> = Vec::new();
    for entry in std::mem::take(entries) {
        match kept.iter().find(|first| first.type_id == entry.type_id) {
            None => kept.push(entry),
            Some(first) => problems.push(WiringProblem::TwoResources {
                resource: (entry.type_name)(),
                first: place(first),
                second: place(entry),
            }),
        }
    }
    *entries = kept;
}

/// Takes out those that take what nobody provides.
fn refuse_missing(
    entries: &mut Vec<&'static ResourceEntry>,
    is_provided: impl Fn(TypeId) -> bool,
    lost: &mut Vec<TypeId>,
    problems: &mut Vec<WiringProblem>,
) {
    entries.retain(|entry| {
        let missing: Vec<_> = takes(entry).filter(|r| !is_provided(r.type_id)).collect();
        if !missing.is_empty() {
            lost.push(entry.type_id);
        }
        problems.extend(missing.iter().map(|requirement| WiringProblem::MissingResource {
            taker: place(entry),
            resource: requirement.type_name,
        }));
        missing.is_empty()
    });
}
