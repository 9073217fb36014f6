//! What a bus or a session is wired with at the moment: compiled from its registry at each change.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};

use super::contract::{HandlerId, RegisteredHandler};
use super::error::RegisterError;
use super::plan::Plan;
use super::table::Table;
use crate::core::Core;
use crate::session::SessionId;

/// The table that was built with the bus is only read, without a lock. The first change makes a
/// second one, of all handlers, and raises a flag; from then on dispatches look there. A session has
/// the second one alone.
#[derive(Default)]
pub(crate) struct Wired {
    /// Is there a second table? Read by every dispatch; written by changes alone.
    any: AtomicBool,
    table: RwLock<Option<Arc<Table>>>,
    /// Held while handlers are registered and the table is made. `true`: the session has ended.
    changing: Mutex<bool>,
    /// The registry has said that its answer has changed while the table was made.
    stale: AtomicBool,
}

impl Wired {
    /// The table of all handlers, if there was a change.
    #[inline]
    pub(crate) fn table(&self) -> Option<Arc<Table>> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        self.table.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Registers a handler. `built`: the table that the bus was built with.
    pub(crate) fn register(
        &self,
        core: &Core,
        session: &SessionId,
        built: Option<&Table>,
        plan: Plan,
    ) -> Result<HandlerId, RegisterError> {
        let over = self.lock();
        if *over {
            return Err(RegisterError::SessionClosed { session_id: session.clone() });
        }
        if plan.message.is_command() {
            self.refuse_rival(built, &plan)?;
        }
        let (id, info) = (core.next_handler(), plan.handler.clone());
        let handler = RegisteredHandler { id, session: session.clone(), plan: Arc::new(plan) };
        core.registry.register(handler).map_err(|refusal| RegisterError::Refused {
            handler: info,
            reason: refusal.to_string(),
        })?;
        let former = self.compile(core, session);
        drop(over);
        drop(former);
        Ok(id)
    }

    /// Lets go of a handler: calls that have begun go on. `false`: it was not there.
    pub(crate) fn unregister(&self, core: &Core, session: &SessionId, id: HandlerId) -> bool {
        let over = self.lock();
        if *over || !core.registry.unregister(session, id) {
            return false;
        }
        let former = self.compile(core, session);
        drop(over);
        drop(former);
        true
    }

    /// Lets go of all handlers of a session, for good.
    pub(crate) fn end(&self, core: &Core, session: &SessionId) {
        let mut over = self.lock();
        if std::mem::replace(&mut *over, true) {
            return;
        }
        let had_any = self.any.swap(false, Ordering::AcqRel);
        let table = self.table.write().unwrap_or_else(PoisonError::into_inner).take();
        if had_any {
            core.registry.unregister_session(session);
        }
        drop(over);
        // With what its closures have captured: not under the lock.
        drop(table);
    }

    /// The registry's answer has changed.
    pub(crate) fn recompile(&self, core: &Core, session: &SessionId) {
        self.stale.store(true, Ordering::SeqCst);
        let over = match self.changing.try_lock() {
            Ok(over) => over,
            Err(TryLockError::Poisoned(over)) => over.into_inner(),
            // Whoever makes the table looks at the flag when it is made. It may be this thread, that
            // calls the registry which calls this.
            Err(TryLockError::WouldBlock) => return,
        };
        let former = if *over { Vec::new() } else { self.compile(core, session) };
        drop(over);
        drop(former);
    }

    /// Gives the former tables back, with what their closures have captured: to be dropped when the
    /// lock is released.
    fn compile(&self, core: &Core, session: &SessionId) -> Vec<Option<Arc<Table>>> {
        let mut former = Vec::new();
        loop {
            self.stale.store(false, Ordering::SeqCst);
            let table = Some(Arc::new(Table::compile(core.registry.handlers(session))));
            let mut place = self.table.write().unwrap_or_else(PoisonError::into_inner);
            former.push(std::mem::replace(&mut *place, table));
            drop(place);
            self.any.store(true, Ordering::Release);
            if !self.stale.load(Ordering::SeqCst) {
                return former;
            }
        }
    }

    /// A handler of the same command that the new one would not outrank.
    fn refuse_rival(&self, built: Option<&Table>, new: &Plan) -> Result<(), RegisterError> {
        let table = self.table();
        let Some(table) = table.as_deref().or(built) else { return Ok(()) };
        match table.commands.get(&new.message.type_id()) {
            Some(rival) if rival.handler.priority >= new.handler.priority => {
                Err(RegisterError::AlreadyHandled {
                    command: new.message.name(),
                    by: rival.handler.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
