//! The handlers that are plain functions, found at link time.

use std::sync::Arc;

use bus::{Builder, Context, Res, handler};

use super::events::{A, B, C, Card, Carries, D, E, emit, try_publish};
use super::handlers::{Deliberate, Run, children, course};
use super::log::{Answer, By, Fact, How as Ended};
use super::scenario::{End, Form, Handler, KINDS, Kind, Scenario, Step};
use super::world::World;

/// The world, as a resource.
pub(crate) struct Shared(pub(crate) Arc<World>);

#[handler(manual)]
fn plain_a(event: &A, cx: &Context, world: &Res<Shared>) -> Result<(), Deliberate> {
    run(event.card(), cx, &world.0)
}
#[handler(manual)]
fn plain_b(event: &B, cx: &Context, world: &Res<Shared>) -> Result<(), Deliberate> {
    run(event.card(), cx, &world.0)
}
#[handler(manual)]
fn plain_c(event: &C, cx: &Context, world: &Res<Shared>) -> Result<(), Deliberate> {
    run(event.card(), cx, &world.0)
}
#[handler(manual)]
fn plain_d(event: &D, cx: &Context, world: &Res<Shared>) -> Result<(), Deliberate> {
    run(event.card(), cx, &world.0)
}
#[handler(manual)]
fn plain_e(event: &E, cx: &Context, world: &Res<Shared>) -> Result<(), Deliberate> {
    run(event.card(), cx, &world.0)
}

/// Adds those that the scenario has.
pub(crate) fn add(builder: Builder, scenario: &Scenario) -> Builder {
    KINDS.into_iter().fold(builder, |builder, kind| {
        let is_plain = |handler: &&Handler| handler.form == Form::Plain;
        let plain = scenario.handlers_of(kind).iter().find(is_plain);
        let Some(priority) = plain.map(|handler| handler.priority) else { return builder };
        match kind {
            Kind::A => builder.handler::<plain_a>().configure::<plain_a>(|h| h.priority(priority)),
            Kind::B => builder.handler::<plain_b>().configure::<plain_b>(|h| h.priority(priority)),
            Kind::C => builder.handler::<plain_c>().configure::<plain_c>(|h| h.priority(priority)),
            Kind::D => builder.handler::<plain_d>().configure::<plain_d>(|h| h.priority(priority)),
            Kind::E => builder.handler::<plain_e>().configure::<plain_e>(|h| h.priority(priority)),
        }
    })
}

fn run(card: Card, cx: &Context, world: &World) -> Result<(), Deliberate> {
    let handlers = world.scenario.handlers_of(card.kind);
    let index = handlers.iter().position(|handler| handler.form == Form::Plain);
    let index = index.expect("it is part of the scenario");
    let course = course(world, card, index);
    let mut run = Run::begin(world, card, index, Some(cx.id()));
    for step in &course.steps {
        match *step {
            Step::Publish { kind, events, .. } => {
                for child in children(world, card, kind, events) {
                    world.log.note(Fact::Offered { card: child, by: By::Run(run.id) });
                    let answer: Answer = try_publish(&cx.bus(), child);
                    world.log.note(Fact::Told { card: child, answer });
                }
            }
            Step::Emit { kind, events } => {
                for child in children(world, card, kind, events) {
                    world.log.note(Fact::Emitted { run: run.id, card: child });
                    emit(cx, child);
                }
            }
            Step::Yield { .. } | Step::Sleep { .. } => unreachable!("a plain function never waits"),
        }
    }
    match course.end {
        End::Succeed | End::Hang => {
            run.end(Ended::Succeeded);
            Ok(())
        }
        End::Fail => {
            run.end(Ended::Failed);
            Err(Deliberate)
        }
        End::Panic => {
            run.end(Ended::Panicked);
            std::panic::resume_unwind(Box::new(Deliberate))
        }
    }
}
