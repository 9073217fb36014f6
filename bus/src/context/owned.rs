//! A context that may outlive its handler.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::Context;
#[cfg(feature = "testing")]
use super::Seed;
use crate::core::Core;
use crate::pipeline::frame;

/// A [`Context`] of one's own: for closures registered at run time, and for tasks that a handler
/// spawns. Shares cancellation, extensions and what is emitted with the call it comes from.
pub struct OwnedContext {
    /// First: it points into the core beside it.
    context: Context,
    _core: Arc<Core>,
}

impl OwnedContext {
    /// For a test.
    #[cfg(feature = "testing")]
    pub(crate) fn made(core: Arc<Core>, seed: Seed) -> Self {
        let (context, core) = frame::own(core, seed);
        Self { context, _core: core }
    }

    pub(crate) fn of(context: &Context) -> Self {
        let (context, core) = frame::own(context.core().arc(), context.seed());
        Self { context, _core: core }
    }
}

impl Deref for OwnedContext {
    type Target = Context;
    fn deref(&self) -> &Context {
        &self.context
    }
}

impl Clone for OwnedContext {
    fn clone(&self) -> Self {
        Self::of(&self.context)
    }
}

impl fmt::Debug for OwnedContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.context.fmt(f)
    }
}
