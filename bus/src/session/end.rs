//! The end of a session: stop the intake, let what is in flight finish, cancel what is left, run what
//! was wished for, announce the end, unregister.
//!
//! There is no asynchronous clean-up on drop, so an end is a task on the bus's runtime, whoever
//! begins it: [`Session::close`](super::Session::close), the drop of a guard, the end of the session
//! around it, the shutdown. Where that runtime is gone, [`Ending`] does what can be done at once.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::callbacks;
use super::report::SessionReport;
use super::scope::Scope;
use crate::core::Core;
use crate::event::completion::{Completion, Share};
use crate::message::{Message, SessionEndEvent};
use crate::observe::{What, tap};
use crate::pipeline::announce;
use crate::pipeline::failure::panic_text;
use crate::probe::{self, Rest};
use crate::registry::listens::Own;
use crate::resilience::timer::within;
use crate::sync::lock;

/// Begins the end. `false`: it had begun. The first error that is given before the end is announced is
/// told there.
pub(crate) fn begin(scope: &Arc<Scope>, error: Option<String>) -> bool {
    let is_first = scope.inside.close();
    if let Some(error) = error {
        lock(&scope.state).error.get_or_insert(error.into_boxed_str());
    }
    if !is_first {
        return false;
    }
    let Some(core) = scope.core.upgrade() else { return true };
    core.work.session_ends();
    end_children(scope);
    let ending = Ending { scope: Arc::clone(scope), core: Arc::clone(&core) };
    match core.runtime.handle() {
        // A runtime that is gone drops it at once.
        Some(runtime) => {
            runtime.spawn(probe::task(&core, async move { ending.run().await }));
        }
        None => drop(ending),
    }
    true
}

/// Whoever opens a session inside looks after it is among these whether the end has begun.
fn end_children(scope: &Scope) {
    let children: Vec<_> = lock(&scope.state).children.values().cloned().collect();
    for child in children {
        begin(&child, None);
    }
}

/// It could not be opened after all: nobody has heard of it.
pub(super) fn withdraw(scope: &Arc<Scope>) {
    scope.inside.close();
    scope.own.close();
    if let Some(core) = scope.core.upgrade() {
        forget(&core, scope);
    }
}

/// Takes everything out that names it.
fn forget(core: &Core, scope: &Arc<Scope>) {
    // Before the id is free: another session of this name has handlers of its own. A registry, and the
    // destructors of what closures have captured, are a user's code, and must not stop this.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| scope.wired.end(core, &scope.id))) {
        let panic = panic_text(&*panic);
        tracing::error!(session = %scope.id, panic, "unregistering the handlers of a session panicked");
    }
    core.sessions.remove(scope);
    core.listeners.end_of(scope);
    let recurring = core.timers.end_of(scope);
    if let Some(history) = &core.history {
        recurring.iter().for_each(|entry| history.taken_back(entry.what.id));
    }
    drop(catch_unwind(AssertUnwindSafe(|| drop(recurring))));
    if let Some(parent) = &scope.parent {
        let removed = lock(&parent.state).children.remove(&scope.number);
        drop(removed);
    }
    let in_parent = lock(&scope.state).in_parent.take();
    drop(in_parent);
}

/// A session on its way out. When this is dropped it is gone, in good order or not.
struct Ending {
    scope: Arc<Scope>,
    core: Arc<Core>,
}

impl Ending {
    async fn run(self) {
        let Self { scope, core } = &self;
        let limit = scope.close_timeout.unwrap_or(core.settings.session_close);
        let grace = core.settings.grace;
        let mut report = SessionReport::new(scope.id.clone(), Duration::ZERO);

        let finished = within(core, limit, poll_fn(|task| scope.inside.poll_empty(task))).await;
        if !finished {
            report.unfinished = scope.inside.inside();
        }
        // No task and no session begins inside from here on; those that its handlers have opened
        // meanwhile end with it.
        scope.own.close();
        end_children(scope);
        scope.cancel(false).fire();
        within(core, grace, poll_fn(|task| scope.own.poll_empty(task))).await;
        report.callbacks_failed = callbacks::run(core, scope, limit).await;
        if let Some(handled) = tell_end(core, scope) {
            within(core, limit, handled).await;
        }
        scope.cancel(true).fire();
        within(core, grace, poll_fn(|task| scope.own.poll_empty(task))).await;
        report.left = scope.own.inside();
        if report.unfinished + report.left > 0 {
            tracing::warn!(
                session = %scope.id,
                unfinished = report.unfinished,
                left = report.left,
                "a session has ended with work left"
            );
        }
        self.tell(report);
    }

    /// What became of it, for those who wait, and for `drop`.
    fn tell(&self, mut report: SessionReport) {
        let now = self.core.settings.clock.now();
        report.duration = now.saturating_duration_since(self.scope.opened);
        let mut state = lock(&self.scope.state);
        report.error = state.error.as_deref().map(str::to_owned);
        report.panicked = state.panicked;
        state.report = Some(Box::new(report));
    }

    /// No runtime lets it finish: what can be done at once, without the announcement.
    fn cut(&self) {
        let Self { scope, core } = self;
        core.sessions.cut.add(1);
        let mut report = SessionReport::new(scope.id.clone(), Duration::ZERO);
        report.unfinished = scope.inside.inside();
        scope.own.close();
        scope.cancel(false).fire();
        scope.cancel(true).fire();
        report.callbacks_failed = callbacks::run_at_once(scope);
        report.left = scope.own.inside();
        tracing::warn!(
            session = %scope.id,
            "a session has ended without a runtime: its end is not announced"
        );
        self.tell(report);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let is_told = lock(&self.scope.state).report.is_some();
        if !is_told {
            self.cut();
        }
        let Self { scope, core } = self;
        forget(core, scope);
        scope.ended.notify_waiters();
        core.work.session_ended();
    }
}

/// Resolves to what became of the session. Cancel-safe.
pub(super) async fn ended(scope: &Scope) -> SessionReport {
    let _rest = Rest::begin();
    loop {
        let mut ended = pin!(scope.ended.notified());
        ended.as_mut().enable();
        // The report is there before the session is gone from the list, and this is told after.
        if let Some(report) = over(scope) {
            return report;
        }
        ended.await;
    }
}

fn over(scope: &Scope) -> Option<SessionReport> {
    let is_gone = scope.core.upgrade().is_none_or(|core| {
        core.sessions.find(&scope.id).is_none_or(|found| found.number != scope.number)
    });
    lock(&scope.state).report.as_deref().filter(|_| is_gone).cloned()
}

/// Announces the end, if somebody listens. The future resolves when those have heard it.
fn tell_end(core: &Core, scope: &Arc<Scope>) -> Option<impl Future<Output = ()> + use<>> {
    if core.observers.is_on() {
        let error = lock(&scope.state).error.as_deref().map(str::to_owned);
        tap::of_session(core, scope, What::SessionEnded { error: error.as_deref() });
    }
    if !core.hears(Own::SessionEnd, Some(scope)) {
        return None;
    }
    let (whole, heard) = Completion::new(None);
    let event = SessionEndEvent {
        session_id: scope.id.clone(),
        duration: core.settings.clock.now().saturating_duration_since(scope.opened),
        error: lock(&scope.state).error.as_deref().map(str::to_owned),
    };
    announce::of_session(core, scope, event, |id| {
        Some(Share::new(whole, id, SessionEndEvent::INFO))
    });
    Some(async move { drop(heard.await) })
}
