//! The bus: its two verbs, and the two flows behind them.
//!
//! ```text
//! execute: look up -> CommandStartedEvent -> middleware -> [ hooks -> timeout -> handler ]
//!          -> effects flushed if Ok -> CommandResultEvent -> Result<Output, CommandError<Error>>
//! publish: bounded queue (backpressure) -> Ok at once
//!          dispatcher: take what is there -> handlers, priority groups, highest first
//! ```

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{self, Poll};

use crate::builder::Builder;
use crate::context::Context;
use crate::core::Core;
use crate::error::{Error, PublishError};
use crate::event::idle;
use crate::event::publish::{self, Publish, Published};
use crate::event::queue::BoundedEventQueue;
use crate::event::shutdown::{self, ShutdownReport};
use crate::handler::param::{Param, ParamError, Requirements};
use crate::handler::resource::{Res, Resource, ResourceParam, ResourceSet};
use crate::message::{Command, Event};
use crate::observe::spans;
use crate::pipeline::attempts::Attempts;
use crate::pipeline::command::admission::{self, Ready};
use crate::pipeline::command::called::{Called, Calls};
use crate::pipeline::command::execute::{Execute, Stage, StageProj};
use crate::pipeline::command::request::Request;
use crate::pipeline::command::{Reply, drive};
use crate::pipeline::origin::{Inherited, Origin};
use crate::pipeline::{ambient, at_once};
use crate::registry::BuildError;

/// A message bus. Cheap to clone; many may live in one process.
///
/// Commands run in their caller's task; events are queued and run on the runtime. Await
/// [`shutdown`](Self::shutdown) before the last clone goes: it drains the queue and reports.
#[derive(Clone)]
pub struct Bus(Arc<Handle>);

/// What users hold. The bus's own tasks hold the core alone, so that the last handle is noticed.
struct Handle {
    core: Arc<Core>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        shutdown::abandon(&self.core);
    }
}

impl Bus {
    /// The bus of everything that is registered at link time: handlers, messages and resources.
    ///
    /// # Errors
    /// All that is wrong with the wiring, at once.
    pub fn from_registered() -> Result<Bus, BuildError> {
        Self::builder().build()
    }

    /// A bus to be configured. Includes what is registered at link time.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Executes a command: its one handler runs in this task, when the result is awaited. Options
    /// stand in front of the `.await`: [`timeout`](Execute::timeout), [`header`](Execute::header),
    /// [`session`](Execute::session), [`cancel_on`](Execute::cancel_on),
    /// [`detailed`](Execute::detailed).
    ///
    /// Inside a handler, the command inherits the handler's ids, session, principal and deadline.
    ///
    /// # Errors
    /// [`CommandError`](crate::CommandError): the handler's own error, or why there is no output.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the handler at its next await; it then has emitted nothing.
    #[track_caller]
    pub fn execute<C, O, E>(&self, command: C) -> Execute<'_, C, O, E>
    where
        C: Command<Output = O, Error = E>,
    {
        Execute::new(self.core(), command, self.inherited())
    }

    /// Publishes an event: queued when this resolves, handled later. Waits for room in the queue if
    /// the [`BackpressureStrategy`](crate::BackpressureStrategy) says so; inside a handler it never
    /// waits.
    ///
    /// # Errors
    /// [`PublishError`], which gives the event back.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the event was not queued.
    #[track_caller]
    pub fn publish<E: Event>(&self, event: E) -> Publish<'_, E> {
        Publish::new(self.core(), event, self.origin())
    }

    /// Publishes an event without waiting. Needs no runtime: without one, the event waits in the
    /// queue for the first use of the bus inside a runtime.
    ///
    /// # Errors
    /// [`PublishError`], which gives the event back; also when there is no room now.
    #[track_caller]
    pub fn try_publish<E: Event>(&self, event: E) -> Result<Published, PublishError<E>> {
        publish::try_publish(self.core(), event, self.origin(), None)
    }

    /// Stops the intake, lets the handlers finish (they may still publish and execute), cancels
    /// what takes too long, and reports what was left. Call it again to wait again.
    ///
    /// Events that wait for an open circuit breaker are waited for like others, for the whole drain, and
    /// then reported as dropped. Inside of a handler this waits for that handler too, until it is cut off.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the intake stopped; what is queued is still handled.
    pub async fn shutdown(&self) -> ShutdownReport {
        shutdown::shutdown(self.core()).await
    }

    /// Resolves when nothing is queued and nothing runs: no event, no command, no end of a session.
    /// Exact: there was such a moment. An open session is idle. Inside a handler it waits for that handler, until its timeout.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn idle(&self) {
        idle::idle(self.core()).await;
    }

    /// The event queue, to be looked at.
    #[must_use]
    pub fn event_queue(&self) -> &BoundedEventQueue {
        &self.core().queue
    }

    /// The resource of type `T`.
    ///
    /// # Errors
    /// When none was provided; the text names the type.
    pub fn resource<T: Resource>(&self) -> Result<Res<T>, ParamError> {
        self.core().resources.get().cloned().ok_or_else(ParamError::missing::<T>)
    }

    /// A handle that does not keep the bus alive: for resources, which the bus keeps alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakBus {
        weak(self.core())
    }

    /// Makes this the bus that [`Bus::global`] returns. Offered, never needed.
    ///
    /// # Errors
    /// Gives the bus back if there is a global one already.
    pub fn set_global(bus: Bus) -> Result<(), Bus> {
        GLOBAL.set(bus)
    }

    /// The bus given to [`Bus::set_global`].
    #[must_use]
    pub fn global() -> Option<&'static Bus> {
        GLOBAL.get()
    }
}

static GLOBAL: OnceLock<Bus> = OnceLock::new();

impl<C, O, E> Future for Execute<'_, C, O, E>
where
    C: Send + Sync + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    type Output = Reply<O, E>;

    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let span = {
            let this = self.as_mut().project();
            let is_new = matches!(*this.stage, Stage::New);
            spans::of_execute(this.core, this.request, is_new)
        };
        let this = self.as_mut().project();
        let (core, mut caller) = (*this.core, std::mem::take(&mut this.request.caller));
        let mut command = Calls::<C, O, E>::of(this.command);
        let (request, stage) = (this.request, this.stage);
        let polled =
            caller.poll(core, task, |task| go_on(core, &mut *request, stage, &mut command, task));
        request.caller = caller;
        spans::executed(span, request, &polled);
        polled
    }
}

/// The flow of a command. It is compiled once for a type of replies: what only the command's own type knows is behind
/// `dyn`.
fn go_on<'a, O, E>(
    core: &'a Core,
    request: &mut Request<'a>,
    mut stage: Pin<&mut Stage<'a, O, E>>,
    command: &mut dyn Called<O, E>,
    task: &mut task::Context<'_>,
) -> Poll<Reply<O, E>>
where
    O: Send + 'static,
    E: Send + 'static,
{
    loop {
        let (reply, debt) = match stage.as_mut().project() {
            StageProj::New => match admission::look_up(core, request) {
                Ok(accepted) if accepted.plan.is_at_once() && request.rerun.is_none() => {
                    at_once::execute(core, request, accepted, command)
                }
                Ok(accepted) if accepted.plan.layers.is_some() => {
                    let command = command.apart(&accepted.plan);
                    let ready = accepted.ready(core, request);
                    let inside = drive::around(core, request, ready, command);
                    stage.set(Stage::Around { inside });
                    continue;
                }
                Ok(accepted) => {
                    command.keep(&accepted.plan);
                    let Ready { plan, at_work, seed, session } = accepted.ready(core, request);
                    let attempts = Attempts::new(core, plan, seed, session);
                    stage.set(Stage::Running { attempts, at_work });
                    continue;
                }
                Err(why) => (Err(request.refused(core, *why)), None),
            },
            StageProj::Running { attempts, at_work } => {
                task::ready!(drive::drive(core, request, attempts, at_work, command, task))
            }
            StageProj::Around { inside } => {
                let (reply, sent, debt) = task::ready!(inside.as_mut().poll(task));
                request.sent = sent;
                (reply, debt)
            }
            StageProj::Settling { reply, debt } => {
                task::ready!(debt.as_mut().poll(task));
                match reply.take() {
                    Some(reply) => (reply, None),
                    None => unreachable!("a reply is given once"),
                }
            }
            StageProj::Done => panic!("`Execute` was polled after it was ready"),
        };
        let Some(debt) = debt else {
            stage.set(Stage::Done);
            return Poll::Ready(reply);
        };
        stage.set(Stage::Settling { reply: Some(reply), debt });
    }
}

impl Bus {
    /// The handle of a core, also when the last one has just gone.
    pub(crate) fn of(core: &Core) -> Bus {
        weak(core).upgrade().unwrap_or_else(|| Bus(Arc::new(Handle { core: core.arc() })))
    }

    pub(crate) fn new(core: Arc<Core>) -> Bus {
        let handle = Arc::new(Handle { core });
        let _ = weak(&handle.core).0.set(Arc::downgrade(&handle));
        Bus(handle)
    }

    pub(crate) fn core(&self) -> &Core {
        &self.0.core
    }

    /// What a message inherits from the handler that this thread is running, if it is one of ours.
    #[inline]
    pub(crate) fn inherited(&self) -> Inherited {
        ambient::current_of(self.core(), |current| {
            current.map_or_else(Inherited::default, Context::inherited)
        })
    }

    /// The message that this thread is running a handler of, if it is one of ours.
    #[inline]
    pub(crate) fn origin(&self) -> Option<Arc<Origin>> {
        ambient::current_of(self.core(), |current| current.map(Context::as_origin))
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus")
            .field("number", &self.core().number)
            .field("handlers", &self.core().table.handlers())
            .finish_non_exhaustive()
    }
}

/// A handle that does not keep the bus alive.
#[derive(Clone, Default)]
pub struct WeakBus(Arc<OnceLock<Weak<Handle>>>);

impl WeakBus {
    /// The bus, unless it is gone, or not built yet.
    #[must_use]
    pub fn upgrade(&self) -> Option<Bus> {
        self.0.get()?.upgrade().map(Bus)
    }
}

impl fmt::Debug for WeakBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakBus")
    }
}

/// The bus is a resource of itself, held weakly: resources may take it before it is built.
fn weak(core: &Core) -> WeakBus {
    core.resources.get::<WeakBus>().map(|bus| WeakBus::clone(bus)).unwrap_or_default()
}

impl<'cx> Param<'cx> for Bus {
    fn extract(cx: &'cx Context) -> Result<Self, ParamError> {
        Ok(cx.bus())
    }
}

impl<'cx> Param<'cx> for WeakBus {
    fn extract(cx: &'cx Context) -> Result<Self, ParamError> {
        Ok(weak(cx.core()))
    }
}

impl<'r> ResourceParam<'r> for WeakBus {
    fn require(_: &mut Requirements) {}
    fn extract(resources: &'r ResourceSet) -> Result<Self, Error> {
        Ok(<&Res<WeakBus> as ResourceParam<'_>>::extract(resources)?.deref().clone())
    }
}
