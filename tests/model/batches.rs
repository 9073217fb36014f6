//! The handlers that take several events at once.

use std::sync::Arc;

use bus::{BatchOutcome, Builder, Context, Res, handler};

use super::events::{A, B, C, Card, Carries, D, E};
use super::handlers::{Deliberate, Run, course, worked};
use super::log::How as Ended;
use super::plain::Shared;
use super::scenario::{End, Form, KINDS, Kind, Scenario};
use super::world::World;

macro_rules! batch {
    ($($name:ident: $event:ident;)*) => { $(
        #[handler(manual, batch = 100)]
        async fn $name(
            events: &[Arc<$event>],
            cx: &Context,
            world: &Res<Shared>,
        ) -> Result<BatchOutcome, Deliberate> {
            let cards = events.iter().map(|event| event.card()).collect();
            run(cards, cx, &world.0).await
        }
    )* };
}
batch! {
    batch_a: A;
    batch_b: B;
    batch_c: C;
    batch_d: D;
    batch_e: E;
}

/// Adds those that the scenario has.
pub(crate) fn add(builder: Builder, scenario: &Scenario) -> Builder {
    KINDS.into_iter().fold(builder, |builder, kind| {
        let mut handlers = scenario.handlers_of(kind).iter();
        let batch = handlers.find_map(|handler| match handler.form {
            Form::Batch(size) => Some((handler.priority, size)),
            Form::Closure | Form::Plain => None,
        });
        let Some((priority, size)) = batch else { return builder };
        let config = |h: bus::HandlerConfig| h.priority(priority).batch(size);
        match kind {
            Kind::A => builder.handler::<batch_a>().configure::<batch_a>(config),
            Kind::B => builder.handler::<batch_b>().configure::<batch_b>(config),
            Kind::C => builder.handler::<batch_c>().configure::<batch_c>(config),
            Kind::D => builder.handler::<batch_d>().configure::<batch_d>(config),
            Kind::E => builder.handler::<batch_e>().configure::<batch_e>(config),
        }
    })
}

/// What is done is said of the first event, and what becomes of it of each.
async fn run(cards: Vec<Card>, cx: &Context, world: &World) -> Result<BatchOutcome, Deliberate> {
    let Some(first) = cards.first().copied() else {
        world.log.broken("a handler was called with no events at all".to_owned());
        return Ok(BatchOutcome::all_ok());
    };
    let handlers = world.scenario.handlers_of(first.kind);
    let index = handlers.iter().position(|handler| matches!(handler.form, Form::Batch(_)));
    let index = index.expect("it is part of the scenario");
    let Form::Batch(size) = handlers[index].form else { unreachable!("it takes batches") };
    if cards.len() > size {
        world.log.broken(format!("a batch of {} events, where {size} are the most", cards.len()));
    }
    let course = course(world, first, index);
    let mut of_first = Run::begin(world, first, index, None);
    let rest = cards[1..].iter();
    let mut rest: Vec<_> =
        rest.map(|card| Run::begin_in(world, *card, index, None, Some(of_first.id))).collect();
    worked(world, course, first, cx, of_first.id).await;
    let mut end = |how: Ended, of_last: Ended| {
        let last = rest.len().saturating_sub(1);
        let all = rest.iter_mut().enumerate();
        all.for_each(|(at, run)| run.end(if at == last { of_last } else { how }));
        of_first.end(how);
    };
    match course.end {
        End::Succeed | End::Hang => {
            end(Ended::Succeeded, Ended::Succeeded);
            Ok(BatchOutcome::all_ok())
        }
        // Only the last of them.
        End::Fail if cards.len() > 1 && first.id % 2 == 0 => {
            end(Ended::Succeeded, Ended::Failed);
            let mut outcome = BatchOutcome::all_ok();
            outcome.fail(cards.len() - 1, Deliberate);
            Ok(outcome)
        }
        End::Fail => {
            end(Ended::Failed, Ended::Failed);
            Err(Deliberate)
        }
        End::Panic => {
            end(Ended::Panicked, Ended::Panicked);
            std::panic::resume_unwind(Box::new(Deliberate))
        }
    }
}
