//! What is asked for with a command, and what is known of it once it was sent.

use std::sync::Arc;
use std::task;

use tracing::Span;

use super::admission::{self, Refusal};
use super::conclusion;
use crate::clock::{MaybeDuration, MaybeInstant};
use crate::core::Core;
use crate::error::{CommandError, CommandErrorKind};
use crate::handler::slot::BoxFuture;
use crate::message::{MessageId, MessageInfo};
use crate::observe::{What, tap};
use crate::pipeline::options::Head;
use crate::pipeline::origin::{Inherited, Origin};
use crate::probe::Caller;
use crate::resilience::dead_letters::Letter;

/// What is asked for, beside the command.
pub(crate) struct Request<'a> {
    pub(crate) sent: Sent,
    pub(in crate::pipeline) inherited: Inherited,
    pub(crate) head: Option<Arc<Head>>,
    pub(in crate::pipeline) timeout: MaybeDuration,
    pub(in crate::pipeline) cancel_on: Option<BoxFuture<'a, ()>>,
    /// Is somebody interested in how long it takes?
    pub(in crate::pipeline) timed: bool,
    pub(crate) caller: Caller,
    /// It is a dead letter.
    pub(crate) rerun: Option<Box<Letter>>,
    pub(crate) span: Option<Box<Span>>,
}

/// What is known of a command that was sent, but its type.
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) info: &'static MessageInfo,
    pub(crate) id: Option<MessageId>,
    pub(crate) started: MaybeInstant,
    pub(crate) attempts: u32,
    pub(crate) is_root: bool,
}

impl Request<'_> {
    pub(crate) fn origin(&self) -> Option<&Arc<Origin>> {
        self.inherited.origin()
    }

    pub(super) fn head(&mut self) -> &mut Head {
        Arc::make_mut(self.head.get_or_insert_default())
    }

    pub(crate) fn is_cancelled(&mut self, task: &mut task::Context<'_>) -> bool {
        self.cancel_on.as_mut().is_some_and(|signal| signal.as_mut().poll(task).is_ready())
    }
}

impl Request<'_> {
    /// Of a command that is not executed: told to those who listen.
    #[cold]
    pub(crate) fn refused<E: 'static>(&self, core: &Core, why: Refusal) -> CommandError<E> {
        let refused = admission::refused(&self.sent, why);
        if core.observers.is_on() {
            let Sent { info, id, .. } = self.sent;
            let why = conclusion::text_of(&refused, info);
            self.tell(core, (info, id), What::Rejected { why: &why });
        }
        refused
    }

    /// Of one that nobody waits for any more.
    #[cold]
    pub(super) fn tell_abandoned(&self, core: &Core) {
        let Sent { info, id, .. } = self.sent;
        self.tell(core, (info, id), What::Abandoned);
    }

    fn tell(&self, core: &Core, of: (&'static MessageInfo, Option<MessageId>), what: What<'_>) {
        tap::of_sent(core, of, self.head.as_deref(), self.origin().map(|origin| &**origin), what);
    }
}

impl Sent {
    /// Its id, made now unless it has one.
    #[inline]
    pub(crate) fn name(&mut self, core: &Core) -> MessageId {
        *self.id.get_or_insert_with(|| MessageId::next(core.number))
    }

    pub(in crate::pipeline) fn error<E>(&self, kind: CommandErrorKind<E>) -> CommandError<E> {
        let id = self.id.unwrap_or_else(|| MessageId::next(0));
        CommandError::new(self.info.name(), id, self.attempts, kind)
    }
}
