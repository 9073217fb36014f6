//! A command as its flow sees it: without its type.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

use super::admission::slot_of;
use crate::handler::slot::Begun;
use crate::message::keep::Keep;
use crate::message::kind::Erased;
use crate::pipeline::attempts::Start;
use crate::pipeline::burial::{self, Kept};
use crate::pipeline::ended::Outcome;
use crate::pipeline::frame::Lender;
use crate::pipeline::middleware::source::{CommandOf, CommandSource};
use crate::registry::plan::Plan;
use crate::resilience::dead_letters::Again;

/// A command of whatever type, that its handler is called with.
pub(crate) trait Called<O, E>: Start<Result<O, E>> + Kept
where
    Result<O, E>: Outcome,
{
    /// Sees to it that there can be as many attempts as the handler's policy may make.
    fn keep(&mut self, plan: &Plan);
    /// The command, for a handler that stands inside of middleware.
    fn apart(&mut self, plan: &Plan) -> Box<dyn CommandOf<O, E>>;
}

/// Such a command, of one type.
pub(crate) struct Calls<'c, C, O, E> {
    command: &'c mut Keep<C>,
    reply: PhantomData<fn() -> Result<O, E>>,
}

impl<'c, C, O, E> Calls<'c, C, O, E> {
    pub(crate) fn of(command: &'c mut Keep<C>) -> Self {
        Self { command, reply: PhantomData }
    }
}

impl<C, O, E> Called<O, E> for Calls<'_, C, O, E>
where
    C: Send + Sync + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    fn keep(&mut self, plan: &Plan) {
        if plan.keeps(self.command) {
            self.command.keep(plan.takes, plan.message);
        }
    }
    fn apart(&mut self, plan: &Plan) -> Box<dyn CommandOf<O, E>> {
        let command = std::mem::replace(self.command, Keep::Gone);
        Box::new(CommandSource::<C, O, E>::new(plan, command))
    }
}

impl<C, O, E> Start<Result<O, E>> for Calls<'_, C, O, E>
where
    C: Send + Sync + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    fn message(&self) -> Option<&dyn Any> {
        self.command.get().map(|command| command as &dyn Any)
    }
    fn start(&mut self, plan: &Plan, lender: &Lender<'_>) -> Begun<Result<O, E>> {
        match self.command.next() {
            Some(command) => slot_of::<C, O, E>(&plan.slot).begin(command, lender),
            None => unreachable!("what is called again was kept"),
        }
    }
}

impl<C, O, E> Kept for Calls<'_, C, O, E>
where
    C: Send + Sync + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    fn take(&mut self) -> Option<(Erased, Arc<dyn Again>)> {
        burial::take::<C, O, E>(self.command)
    }
    fn done(&mut self) {
        self.command.done();
    }
}
