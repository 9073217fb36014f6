//! What the pipeline asks of a context, and makes of it: the next attempt, a run inside of it, what a child inherits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Span;

use super::{Context, Scratch, Seed};
use crate::clock::MaybeDuration;
use crate::core::Core;
use crate::handler::param::ParamError;
use crate::handler::resource::{Res, Resource};
use crate::pipeline::options::{Head, Headers};
use crate::pipeline::origin::{Inherited, Origin};
use crate::pipeline::traceparent::Trace;
use crate::registry::HandlerId;
use crate::session::Scope;
use crate::sync::lock;

impl Context {
    pub(crate) fn core(&self) -> &Core {
        self.core.get()
    }

    #[inline]
    pub(crate) fn find_resource<T: Resource>(&self) -> Result<&Res<T>, ParamError> {
        let of_session = self.scope().and_then(|scope| scope.resource());
        of_session.or_else(|| self.core().resources.get()).ok_or_else(ParamError::missing::<T>)
    }

    /// The session this runs in.
    #[inline]
    pub(crate) fn scope(&self) -> Option<&Arc<Scope>> {
        self.seed.session.as_ref()
    }

    /// When the first attempt was begun, if that is measured.
    #[inline]
    pub(crate) fn began(&self) -> Option<Instant> {
        self.seed.began.get()
    }

    pub(crate) fn seed(&self) -> Seed {
        // Made now, so that both sides share it.
        self.scratch();
        let deadline = self.deadline.get();
        let mut seed = Seed { follows: None, ..self.seed.clone() };
        if let Some(headers) = self.headers.get() {
            Arc::make_mut(seed.head.get_or_insert_default()).headers = Headers::clone(headers);
        }
        if let Some(fixed) = deadline {
            seed.deadline = Some(fixed).into();
            (seed.timeout, seed.attempt_timeout) = (MaybeDuration::NONE, MaybeDuration::NONE);
        }
        seed
    }

    /// What a run inside of this call is made of.
    pub(crate) fn of_attempt(&self, attempt: u32, headers: Option<&Headers>) -> Seed {
        let head = match headers {
            None => self.seed.head.clone(),
            Some(headers) => {
                let mut head = self.seed.head.as_deref().cloned().unwrap_or_default();
                head.headers = headers.clone();
                Some(Arc::new(head))
            }
        };
        self.seed.of_attempt(attempt, head)
    }

    /// What the last run has inserted is seen by the call around it.
    pub(crate) fn take_extensions(&self, run: &Self) {
        let Some(run) = run.used_scratch() else { return };
        let extensions = std::mem::take(&mut *lock(&run.extensions));
        if !extensions.is_empty() {
            *lock(&self.scratch().extensions) = extensions;
        }
    }

    /// From now on the handler sees these.
    pub(crate) fn fix_headers(&self, headers: &Headers) {
        let _ = self.headers.set(Box::new(headers.clone()));
    }

    /// Does the call wait for the handlers of other events?
    pub(crate) fn waits_inside(&self) -> bool {
        self.used_scratch().is_some_and(|scratch| scratch.cancel.waits_inside())
    }

    #[inline]
    pub(crate) fn is_lifecycle(&self) -> bool {
        self.seed.lifecycle
    }

    /// How long it may take, and whether that is said of each attempt.
    pub(crate) fn time(&self) -> Option<(Duration, bool)> {
        let (timeout, attempt_timeout) = (self.seed.timeout.get(), self.seed.attempt_timeout.get());
        let of_attempt = attempt_timeout.is_some_and(|one| timeout.is_none_or(|all| one < all));
        Some((self.seed.time()?, of_attempt))
    }

    /// When all attempts together have to be over: fixed now, unless it was.
    pub(crate) fn last_deadline(&self) -> Option<Instant> {
        let callers = self.seed.deadline.get();
        let Some(all) = self.seed.timeout.get() else { return callers };
        let now = || self.core().settings.clock.now();
        if self.deadline.is_fixed() && self.deadline.get() == callers {
            return callers;
        }
        // What was fixed says when that was.
        let begun = self.deadline.get();
        let begun = begun.and_then(|at| at.checked_sub(self.seed.time().unwrap_or_default()));
        let own = begun.unwrap_or_else(now).checked_add(all);
        match (own, callers) {
            (Some(own), Some(callers)) => Some(own.min(callers)),
            (own, callers) => own.or(callers),
        }
    }

    /// Was the handler called before, since the message was sent, or its dead letter was run again?
    pub(crate) fn is_retry(&self) -> bool {
        self.seed.attempt > self.seed.attempts_before.saturating_add(1)
    }

    /// What the next attempt is made of. `time` and `deadline`: of all of them.
    pub(crate) fn again(
        &self,
        attempt: u32,
        time: Option<Duration>,
        deadline: Option<Instant>,
    ) -> Seed {
        let mut seed =
            Seed { timeout: time.into(), deadline: deadline.into(), ..self.seed.again(attempt) };
        if let Some(headers) = self.headers.get() {
            Arc::make_mut(seed.head.get_or_insert_default()).headers = Headers::clone(headers);
        }
        seed
    }

    /// How long all attempts together may take.
    pub(crate) fn total_time(&self) -> Option<Duration> {
        self.seed.timeout.get()
    }

    /// Is this, or what has made it, a call of the handler that holds its place?
    pub(crate) fn is_inside(&self, handler: HandlerId) -> bool {
        self.seed.cancel.as_ref().is_some_and(|caller| caller.is_of(handler))
    }

    /// The deadline that the caller set, without fixing one's own.
    #[inline]
    pub(crate) fn callers_deadline(&self) -> Option<Instant> {
        self.seed.deadline.get()
    }

    /// For whoever handles the message again when its origin is gone.
    pub(crate) fn inherited_trace(&self) -> Option<&Arc<Trace>> {
        self.seed.inherited_trace()
    }

    pub(super) fn look_at_trace<R>(&self, look: impl FnOnce(&Trace) -> R) -> Option<R> {
        match Trace::of(self.headers()) {
            Some(own) => Some(look(&own)),
            None => self.seed.inherited_trace().map(|trace| look(trace)),
        }
    }

    /// What the span of this call follows from.
    pub(crate) fn follows(&self) -> &[Span] {
        self.seed.follows.as_ref().map_or(&[], |links| links)
    }

    /// The message whose handler has sent this one.
    pub(crate) fn origin(&self) -> Option<&Origin> {
        self.seed.origin.as_deref()
    }

    /// What the message was sent with.
    pub(crate) fn head(&self) -> Option<&Arc<Head>> {
        self.seed.head.as_ref()
    }

    /// The scratch, if this call has needed one.
    #[inline]
    pub(crate) fn used_scratch(&self) -> Option<&Arc<Scratch>> {
        self.seed.shared.get()
    }

    /// What a child of this call inherits. The deadline only once it is fixed: until then the child
    /// runs inside the poll that will arm it, and is dropped with its parent.
    #[inline(never)]
    pub(crate) fn inherited(&self) -> Inherited {
        Inherited {
            from: Some(Arc::clone(self.scratch())),
            deadline: self.deadline.get().map_or(self.seed.deadline, |at| Some(at).into()),
        }
    }

    /// This message, as its children see it.
    #[inline(never)]
    pub(crate) fn as_origin(&self) -> Arc<Origin> {
        Arc::clone(&self.scratch().origin)
    }

    pub(crate) fn scratch(&self) -> &Arc<Scratch> {
        self.seed.scratch()
    }
}
