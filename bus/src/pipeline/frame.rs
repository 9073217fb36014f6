//! The frame of one call: its context, and the handler's future that borrows it.
//!
//! This is the one module with `unsafe`; the feature `no-unsafe` puts `frame_shared.rs` in its
//! place, which keeps the same promises with an `Arc` a call.
//!
//! # Safety argument
//!
//! Three pointers are kept without a lifetime, since a context has none (an elided lifetime
//! parameter in an `async fn` signature is E0726) and an `Arc` clone a call is a shared cache line:
//!
//! 1. **A context points at its core.** A context is made in three places only. In a [`Frame<'a>`]
//!    or a [`Held<'a>`] it comes from a `&'a Core`, so the core outlives both; a context cannot be moved
//!    out of them, it is only ever lent as `&Context`, and it is not `Clone`. In an [`OwnedContext`]
//!    it lies beside the `Arc<Core>` that it points into, which is dropped after it.
//! 2. **A handler's future points at its context** ([`Handle`]). A frame is pinned before it makes
//!    a handle, and does not move its context or lend it mutably afterwards (`Frame` is `!Unpin`,
//!    no method takes `&mut` of the context). The future is owned by the same frame, through
//!    [`Running`], whose drop drops it, though the memory it lay in is kept for another; and so it
//!    is dropped before the context: at its end, in [`Frame::stop`], or as the first field. A pinned value's
//!    memory is not reused before its `Drop`, and a frame that is leaked keeps its context. The
//!    future never hands the handle on, but to a future that it holds itself (a handler inside of its
//!    middleware): generated code only calls [`Handle::get`], whose borrow ends with the future.
//! 3. **A thread points at the context that it is running** ([`with_current`]). The pointer is set
//!    for the time of a poll or a call during which the frame is borrowed, and put back by a guard.
//!
//! `Context` is `Sync`, which the assertion at the end of the file keeps true, so a handle may be
//! sent.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::marker::{PhantomData, PhantomPinned};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::task::{self, Poll};

use crate::context::{Context, OwnedContext, Seed};
use crate::core::Core;
use crate::handler::running::Running;
use crate::handler::slot::{Begun, Called};

/// A core that outlives whoever holds this (1).
pub(crate) struct CoreRef(NonNull<Core>);

// SAFETY: it is a `&Core` without its lifetime, and `Core` is `Sync`.
unsafe impl Send for CoreRef {}
// SAFETY: as above.
unsafe impl Sync for CoreRef {}

impl CoreRef {
    #[inline]
    pub(crate) fn get(&self) -> &Core {
        // SAFETY: the core outlives this (1).
        unsafe { self.0.as_ref() }
    }
}

/// What a handler's future holds of its context. For generated code alone.
#[derive(Debug)]
pub struct Handle(NonNull<Context>);

// SAFETY: it is a `&Context` without its lifetime, and `Context` is `Sync`.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    /// The context of the call.
    #[must_use]
    pub fn get(&self) -> &Context {
        // SAFETY: the future that holds this is dropped before the context (2).
        unsafe { self.0.as_ref() }
    }

    /// Lends the context on, to what the future that holds this calls.
    pub(crate) fn lender(&self) -> Lender<'_> {
        Lender(self.get())
    }
}

/// A pinned context, about to be lent to its handler.
#[derive(Debug)]
pub struct Lender<'f>(&'f Context);

impl Lender<'_> {
    /// For a handler that is called at once.
    pub(crate) fn context(&self) -> &Context {
        self.0
    }
    /// For a handler that is a future.
    pub(crate) fn handle(&self) -> Handle {
        Handle(NonNull::from(self.0))
    }
}

/// The context of one call and the future that runs it. See the module for what it promises.
pub(crate) struct Frame<'a, O> {
    /// First, so that it is dropped first (2).
    running: Option<Running<Called<O>>>,
    context: Context,
    core: PhantomData<&'a Core>,
    _pinned: PhantomPinned,
}

impl<'a, O> Frame<'a, O> {
    #[inline]
    pub(crate) fn new(core: &'a Core, seed: Seed) -> Self {
        Self {
            running: None,
            context: Context::new(CoreRef(NonNull::from(core)), seed),
            core: PhantomData,
            _pinned: PhantomPinned,
        }
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Calls the handler, or makes its future and keeps it.
    #[inline]
    pub(crate) fn begin(
        self: Pin<&mut Self>,
        start: impl FnOnce(&Lender<'_>) -> Begun<O>,
    ) -> Option<Called<O>> {
        // SAFETY: nothing is moved out of the frame through this.
        let this = unsafe { self.get_unchecked_mut() };
        this.running = None;
        let _current = enter(&this.context);
        match start(&Lender(&this.context)) {
            Begun::Done(answer) => Some(answer),
            Begun::Running(future) => {
                this.running = Some(future);
                None
            }
        }
    }

    /// Drives the handler on.
    pub(crate) fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Called<O>>
    where
        O: 'static,
    {
        // SAFETY: nothing is moved out of the frame through this; the future lies elsewhere, pinned.
        let this = unsafe { self.get_unchecked_mut() };
        let Some(running) = &mut this.running else {
            return Poll::Pending;
        };
        let _current = enter(&this.context);
        let answer = task::ready!(Pin::new(running).poll(task));
        this.running = None;
        Poll::Ready(answer)
    }

    /// Drops the handler's future, if there is one.
    pub(crate) fn stop(self: Pin<&mut Self>) {
        // SAFETY: nothing is moved out of the frame through this.
        let this = unsafe { self.get_unchecked_mut() };
        let _current = enter(&this.context);
        this.running = None;
    }
}

/// A context that no handler's future borrows: that of the middleware around a call.
pub(crate) struct Held<'a> {
    context: Context,
    /// The number of the first run inside of it.
    first: u32,
    core: PhantomData<&'a Core>,
}

impl<'a> Held<'a> {
    pub(crate) fn new(core: &'a Core, seed: Seed) -> Self {
        let (first, seed) = (seed.attempt, Seed { attempt: 0, ..seed });
        let context = Context::new(CoreRef(NonNull::from(core)), seed);
        Self { context, first, core: PhantomData }
    }

    /// That of a run that is over before it is pending.
    #[inline]
    pub(crate) fn at_once(core: &'a Core, seed: Seed) -> Self {
        let first = seed.attempt;
        Self { context: Context::new(CoreRef(NonNull::from(core)), seed), first, core: PhantomData }
    }

    /// The number of the run after so many others.
    pub(crate) fn run_after(&self, others: u32) -> u32 {
        self.first.saturating_add(others)
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Calls a handler that is done at once.
    #[inline]
    pub(crate) fn answer<O>(&self, start: impl FnOnce(&Lender<'_>) -> Begun<O>) -> Called<O> {
        match self.within(|| start(&Lender(&self.context))) {
            Begun::Done(answer) => answer,
            // Were there a future, it would be dropped here, before the context (2).
            Begun::Running(_) => unreachable!("a plain function is never pending"),
        }
    }

    /// Runs `work` as part of the call.
    #[inline]
    pub(crate) fn within<R>(&self, work: impl FnOnce() -> R) -> R {
        let _current = enter(&self.context);
        work()
    }
}

thread_local! {
    static CURRENT: Cell<*const Context> = const { Cell::new(ptr::null()) };
}

/// Puts the former context back, also when the handler panics.
struct Current<'f> {
    former: *const Context,
    context: PhantomData<&'f Context>,
}

#[inline]
fn enter(context: &Context) -> Current<'_> {
    Current { former: CURRENT.replace(context), context: PhantomData }
}

impl Drop for Current<'_> {
    fn drop(&mut self) {
        CURRENT.set(self.former);
    }
}

/// The context that this thread is running at this moment, if any.
#[inline]
pub(crate) fn with_current<R>(look: impl FnOnce(Option<&Context>) -> R) -> R {
    let current = CURRENT.try_with(Cell::get).unwrap_or(ptr::null());
    // SAFETY: a non-null pointer was set by `enter`, whose guard still borrows the context (3).
    look(unsafe { current.as_ref() })
}

/// Runs `work` as part of the call that `context` belongs to.
pub(crate) fn within<R>(context: &OwnedContext, work: impl FnOnce() -> R) -> R {
    let _current = enter(context);
    work()
}

/// A context beside the core it points into (1).
pub(crate) fn own(core: Arc<Core>, seed: Seed) -> (Context, Arc<Core>) {
    let context = Context::new(CoreRef(NonNull::from(&*core)), seed);
    (context, core)
}

const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Context>();
    shared::<Core>();
};
