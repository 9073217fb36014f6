//! Burial: what a handler has given up on becomes a dead letter, with the way to run it again; and a dead
//! letter that was run again is told how that went.

use std::marker::PhantomData;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::attempts::Record;
use super::command::conclusion::text_of;
use super::command::execute::Execute;
use super::options::{Head, InScope};
use crate::context::Context;
use crate::core::Core;
use crate::envelope::Envelope;
use crate::event::dispatcher;
use crate::handler::slot::BoxFuture;
use crate::message::keep::Keep;
use crate::message::kind::Erased;
use crate::message::order::LaneId;
use crate::registry::plan::Plan;
use crate::resilience::dead_letters::{Again, Buried, Cause, DeadLetterId, Letter};
use crate::resilience::fault::Fault;
use crate::session::{Member, SessionId};
use crate::sync::{Mutex, lock};

/// A call that has failed for good.
pub(crate) struct Failed<'f> {
    pub(crate) core: &'f Core,
    pub(crate) plan: &'f Plan,
    pub(crate) context: &'f Context,
    /// How often the handler was called.
    pub(crate) attempts: u32,
    pub(crate) record: Record,
}

impl Failed<'_> {
    /// Keeps a command, unless it is one that was kept and is told of the failure. `None`: its handler keeps
    /// no dead letters, or none of this kind.
    pub(crate) fn bury_command(
        self,
        command: &mut dyn Kept,
        rerun: Option<&Letter>,
    ) -> Option<DeadLetterId> {
        if let Some(letter) = rerun {
            return Some(self.again(letter));
        }
        if !self.is_kept() {
            return None;
        }
        let (message, again) = command.take()?;
        Some(self.bury(message, None, again))
    }

    /// The same of an event and this handler.
    pub(crate) fn bury_event(
        self,
        envelope: &Envelope,
        lane: Option<LaneId>,
    ) -> Option<DeadLetterId> {
        if let Some(rerun) = &envelope.rerun {
            return Some(self.again(&rerun.letter));
        }
        if envelope.lifecycle || !self.is_kept() {
            return None;
        }
        let lane = lane.filter(|_| envelope.info.lanes().is_some());
        Some(self.bury(Arc::clone(&envelope.event), lane, Arc::new(EventAgain)))
    }

    fn is_kept(&self) -> bool {
        let policy = self.plan.policy.as_ref();
        policy.is_some_and(|policy| policy.is_dead_letter(self.record.fault))
    }

    fn bury(self, message: Erased, lane: Option<LaneId>, again: Arc<dyn Again>) -> DeadLetterId {
        let Self { core, plan, context, attempts, record } = self;
        let times = record.history.first().zip(record.history.last());
        let buried = buried(core, plan, context, message, again);
        let buried = Buried {
            first_attempted: times.map_or(buried.first_attempted, |(first, _)| first.at),
            last_attempted: times.map_or(buried.last_attempted, |(_, last)| last.at),
            cause: cause(record.fault),
            error: record.error,
            error_chain: record.chain,
            history: record.history,
            attempts,
            lane,
            ..buried
        };
        core.dead_letters.bury(core, buried)
    }

    /// A letter that was run again has failed again.
    fn again(self, letter: &Letter) -> DeadLetterId {
        let Self { core, attempts, record, .. } = self;
        let Record { fault, error, chain, history } = record;
        let cause = cause(fault);
        core.dead_letters.failed_again(core, letter.id, cause, error, chain, attempts, history);
        letter.id
    }
}

/// What is known of a message and its handler, whatever has become of it.
pub(crate) fn buried(
    core: &Core,
    plan: &Plan,
    context: &Context,
    message: Erased,
    again: Arc<dyn Again>,
) -> Buried {
    let now = core.settings.clock.system_time();
    let (said, trace) = (context.head(), context.inherited_trace());
    // A session that has ended is not kept for its dead letters.
    let head = (said.is_some() || trace.is_some()).then(|| {
        let said = said.map_or_else(Head::default, |head| Head::clone(head));
        Arc::new(Head { session: None, trace: trace.cloned(), ..said })
    });
    Buried {
        message,
        info: context.message(),
        message_id: context.id(),
        handler: plan.handler.clone(),
        handler_id: plan.id,
        head,
        session: context.scope().map(|scope| scope.id.clone()),
        correlation: context.correlation_id(),
        parent: context.origin().map(|origin| (origin.id, origin.depth.saturating_add(1))),
        principal: context.principal().cloned(),
        lifecycle: context.is_lifecycle(),
        cause: Cause::NotCalled,
        error: String::new(),
        error_chain: String::new(),
        attempts: 0,
        history: Vec::new(),
        first_attempted: now,
        last_attempted: now,
        lane: None,
        again,
    }
}

fn cause(fault: Fault) -> Cause {
    match fault {
        Fault::Class(class) => Cause::Failed(class),
        Fault::Panicked => Cause::Panicked,
        Fault::NotCalled => Cause::NotCalled,
        Fault::TimedOut | Fault::OutOfTime => Cause::TimedOut,
        Fault::Other => Cause::Rejected,
    }
}

/// What the message was sent with, and the session that it was in, if that is open still; else it is
/// handled outside of it.
fn head(core: &Core, letter: &Letter) -> Head {
    let mut head = letter.head.as_deref().cloned().unwrap_or_default();
    let open = letter.session.as_ref().and_then(|id| core.sessions.find(id));
    head.session = Some(open.map_or(InScope::Named(SessionId::BUS), InScope::Of));
    head.principal = letter.principal.clone();
    head.correlation = Some(letter.correlation);
    head
}

/// A command of whatever type, that was kept for another attempt.
pub(crate) trait Kept {
    /// The command, if it is there, and the way to execute it again.
    fn take(&mut self) -> Option<(Erased, Arc<dyn Again>)>;
    /// There is no further attempt.
    fn done(&mut self);
}

/// [`Kept::take`] of a command of this type.
pub(super) fn take<C, O, E>(command: &mut Keep<C>) -> Option<(Erased, Arc<dyn Again>)>
where
    C: Send + Sync + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    let message = std::mem::replace(command, Keep::Gone).into_shared()?;
    Some((message, Arc::new(CommandAgain::<C, O, E>(PhantomData))))
}

/// Executes the command, as itself.
struct CommandAgain<C, O, E>(PhantomData<fn(C) -> Result<O, E>>);

impl<C, O, E> Again for CommandAgain<C, O, E>
where
    C: Send + Sync + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    fn again(&self, core: Arc<Core>, letter: Letter) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(async move {
            let Ok(command) = Arc::clone(&letter.message).downcast::<C>() else {
                return Err(format!("it is no {}", letter.info.name()));
            };
            let (info, head) = (letter.info, head(&core, &letter));
            let execute = Execute::<C, O, E>::again(&core, info, command, head, letter);
            execute.await.map(drop).map_err(|error| text_of(&error, info))
        })
    }
}

/// Queues the event once more, for the one handler.
pub(crate) struct EventAgain;

/// An event that is there for one handler alone, which has given up on it before.
pub(crate) struct Rerun {
    pub(crate) letter: Letter,
    ended: Mutex<Option<oneshot::Sender<Result<(), String>>>>,
}

impl Rerun {
    /// Tells whoever waits for it how it went.
    pub(crate) fn ended(&self, how: Result<(), String>) {
        if let Some(ended) = lock(&self.ended).take() {
            let _ = ended.send(how);
        }
    }
}

impl Again for EventAgain {
    fn again(&self, core: Arc<Core>, letter: Letter) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(async move {
            let (sender, ended) = oneshot::channel();
            let head = head(&core, &letter);
            let session = match &head.session {
                Some(InScope::Of(scope)) => Member::enter(scope),
                _ => None,
            };
            let event = Arc::clone(&letter.message);
            let envelope = Envelope::new(letter.message_id, letter.info, event);
            let envelope = Envelope {
                head: Some(Arc::new(head)),
                session,
                // Those who listen have heard it when it was published.
                heard: true,
                rerun: Some(Box::new(Rerun { letter, ended: Mutex::new(Some(sender)) })),
                ..envelope
            };
            dispatcher::start(&core);
            if core.queue.push_nested(vec![envelope]).is_err() {
                return Err("there is no room for it in the queue".to_owned());
            }
            drop(core);
            let dropped = || Err("it was dropped before its handler was called".to_owned());
            ended.await.unwrap_or_else(|_| dropped())
        })
    }
}
