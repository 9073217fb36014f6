//! The frame of one call without `unsafe`: the context is behind an `Arc` that the handler's future
//! shares, and holds the core alive. What `frame.rs` promises holds here by ownership; the price is
//! an allocation a call and two reference counts.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use crate::context::{Context, OwnedContext, Seed};
use crate::core::Core;
use crate::handler::running::Running;
use crate::handler::slot::{Begun, Called};

/// A core that outlives whoever holds this.
pub(crate) struct CoreRef(Arc<Core>);

impl CoreRef {
    pub(crate) fn get(&self) -> &Core {
        &self.0
    }
}

/// What a handler's future holds of its context. For generated code alone.
#[derive(Debug)]
pub struct Handle(Arc<Context>);

impl Handle {
    /// The context of the call.
    #[must_use]
    pub fn get(&self) -> &Context {
        &self.0
    }

    /// Lends the context on, to what the future that holds this calls.
    pub(crate) fn lender(&self) -> Lender<'_> {
        Lender(&self.0)
    }
}

/// A context, about to be lent to its handler.
#[derive(Debug)]
pub struct Lender<'f>(&'f Arc<Context>);

impl Lender<'_> {
    /// For a handler that is called at once.
    pub(crate) fn context(&self) -> &Context {
        self.0
    }
    /// For a handler that is a future.
    pub(crate) fn handle(&self) -> Handle {
        Handle(Arc::clone(self.0))
    }
}

/// The context of one call and the future that runs it.
pub(crate) struct Frame<'a, O> {
    running: Option<Running<Called<O>>>,
    context: Arc<Context>,
    core: PhantomData<&'a Core>,
}

impl<'a, O> Frame<'a, O> {
    pub(crate) fn new(core: &'a Core, seed: Seed) -> Self {
        let context = Arc::new(Context::new(CoreRef(core.arc()), seed));
        Self { running: None, context, core: PhantomData }
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Calls the handler, or makes its future and keeps it.
    pub(crate) fn begin(
        mut self: Pin<&mut Self>,
        start: impl FnOnce(&Lender<'_>) -> Begun<O>,
    ) -> Option<Called<O>> {
        self.running = None;
        let _current = enter(&self.context);
        match start(&Lender(&self.context)) {
            Begun::Done(answer) => Some(answer),
            Begun::Running(future) => {
                self.running = Some(future);
                None
            }
        }
    }

    /// Drives the handler on.
    pub(crate) fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Called<O>>
    where
        O: 'static,
    {
        let _current = enter(&self.context);
        let Some(running) = &mut self.running else {
            return Poll::Pending;
        };
        let answer = task::ready!(Pin::new(running).poll(task));
        self.running = None;
        Poll::Ready(answer)
    }

    /// Drops the handler's future, if there is one.
    pub(crate) fn stop(mut self: Pin<&mut Self>) {
        let _current = enter(&self.context);
        self.running = None;
    }
}

/// A context that no handler's future borrows: that of the middleware around a call.
pub(crate) struct Held<'a> {
    context: Arc<Context>,
    /// The number of the first run inside of it.
    first: u32,
    core: PhantomData<&'a Core>,
}

impl<'a> Held<'a> {
    pub(crate) fn new(core: &'a Core, seed: Seed) -> Self {
        let (first, seed) = (seed.attempt, Seed { attempt: 0, ..seed });
        let context = Arc::new(Context::new(CoreRef(core.arc()), seed));
        Self { context, first, core: PhantomData }
    }

    /// That of a run that is over before it is pending.
    pub(crate) fn at_once(core: &'a Core, seed: Seed) -> Self {
        let first = seed.attempt;
        Self {
            context: Arc::new(Context::new(CoreRef(core.arc()), seed)),
            first,
            core: PhantomData,
        }
    }

    /// The number of the run after so many others.
    pub(crate) fn run_after(&self, others: u32) -> u32 {
        self.first.saturating_add(others)
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Calls a handler that is done at once.
    pub(crate) fn answer<O>(&self, start: impl FnOnce(&Lender<'_>) -> Begun<O>) -> Called<O> {
        match self.within(|| start(&Lender(&self.context))) {
            Begun::Done(answer) => answer,
            // Were there a future, it would be dropped here.
            Begun::Running(_) => unreachable!("a plain function is never pending"),
        }
    }

    /// Runs `work` as part of the call.
    pub(crate) fn within<R>(&self, work: impl FnOnce() -> R) -> R {
        let _current = enter(&self.context);
        work()
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Context>>> = const { RefCell::new(None) };
}

/// Puts the former context back, also when the handler panics.
struct Current(Option<Arc<Context>>);

fn enter(context: &Arc<Context>) -> Current {
    Current(CURRENT.replace(Some(Arc::clone(context))))
}

impl Drop for Current {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// The context that this thread is running at this moment, if any.
pub(crate) fn with_current<R>(look: impl FnOnce(Option<&Context>) -> R) -> R {
    let current = CURRENT.try_with(|current| current.borrow().clone()).ok().flatten();
    look(current.as_deref())
}

/// Runs `work` as part of the call that `context` belongs to.
pub(crate) fn within<R>(context: &OwnedContext, work: impl FnOnce() -> R) -> R {
    let (shared, _core) = own(context.core().arc(), context.seed());
    let _current = enter(&Arc::new(shared));
    work()
}

/// A context beside the core it points into.
pub(crate) fn own(core: Arc<Core>, seed: Seed) -> (Context, Arc<Core>) {
    (Context::new(CoreRef(Arc::clone(&core)), seed), core)
}
