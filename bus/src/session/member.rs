//! Being inside a session: in flight in it, or its own.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::scope::Scope;
use crate::handler::slot::BoxFuture;

/// Something in flight in a session: a command from its admission to its reply, an event until its
/// last handler is done, an open session in its parent. The session's end waits for it.
pub(crate) struct Member(Arc<Scope>);

impl Member {
    /// Enters from outside. `None`: the session is closed.
    pub(crate) fn enter(scope: &Arc<Scope>) -> Option<Self> {
        scope.inside.enter().then(|| Self::of(scope))
    }

    /// Follows from something inside, and may enter while that lasts.
    pub(crate) fn follow(scope: &Arc<Scope>) -> Self {
        scope.inside.follow();
        Self::of(scope)
    }

    fn of(scope: &Arc<Scope>) -> Self {
        // What is in a session is in those around it.
        scope.chain().skip(1).for_each(|outer| outer.inside.follow());
        Self(Arc::clone(scope))
    }

    pub(crate) fn scope(&self) -> &Arc<Scope> {
        &self.0
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.chain().for_each(|scope| scope.inside.leave());
    }
}

/// What a call in a session keeps until it is over. Outside sessions there is none.
pub(crate) struct InSession {
    owned: Option<Owned>,
    _member: Option<Member>,
}

impl InSession {
    pub(crate) fn new(member: Option<Member>, owned: Option<Owned>) -> Option<Box<Self>> {
        let is_any = member.is_some() || owned.is_some();
        is_any.then(|| Box::new(Self { owned, _member: member }))
    }

    pub(crate) fn owned(&mut self) -> Option<&mut Owned> {
        self.owned.as_mut()
    }
}

/// Something that is a session's own, and ends with it: a run of one of its handlers, a command that
/// was executed through it, a task.
pub(crate) struct Owned {
    scope: Arc<Scope>,
    is_lifecycle: bool,
    end: Option<BoxFuture<'static, ()>>,
}

impl Owned {
    pub(crate) fn by(scope: &Arc<Scope>, is_lifecycle: bool) -> Self {
        scope.own.follow();
        Self::entered(scope, is_lifecycle)
    }

    /// Unless the session ends.
    pub(crate) fn enter(scope: &Arc<Scope>) -> Option<Self> {
        scope.own.enter().then(|| Self::entered(scope, false))
    }

    fn entered(scope: &Arc<Scope>, is_lifecycle: bool) -> Self {
        Self { scope: Arc::clone(scope), is_lifecycle, end: None }
    }

    pub(crate) fn scope(&self) -> &Arc<Scope> {
        &self.scope
    }

    /// Has the session ended what is its own?
    pub(crate) fn is_over(&self) -> bool {
        self.scope.is_cancelled(self.is_lifecycle)
    }

    /// Ready when the session ends what is its own.
    pub(crate) fn poll_over(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let end = self.end.get_or_insert_with(|| {
            let cancel = Arc::clone(self.scope.cancel(self.is_lifecycle));
            Box::pin(async move { cancel.fired().await })
        });
        end.as_mut().poll(task)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.scope.own.leave();
    }
}
