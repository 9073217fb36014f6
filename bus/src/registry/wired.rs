//! What a bus or a session is wired with at the moment: compiled from its registry at each change.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};

use super::contract::{HandlerId, RegisteredHandler, RegistryError};
use super::error::RegisterError;
use super::plan::Plan;
use super::table::Table;
use crate::core::Core;
use crate::session::SessionId;

/// The table that was built with the bus is only read, without a lock. The first change makes a
/// second one, of all handlers, and raises a flag; from then on dispatches look there. A session has
/// the second one alone.
///
/// > **Invariant**: whoever holds the lock looks, when it is released, whether the registry has told a
/// > change meanwhile. So whoever finds the lock held need not wait for it: a registry may tell a
/// > change while it is asked.
#[derive(Default)]
pub(crate) struct Wired {
    /// Is there a second table? Read by every dispatch; written by changes alone.
    any: AtomicBool,
    table: RwLock<Option<Arc<Table>>>,
    /// Held while handlers are registered and the table is made. `true`: the session has ended.
    changing: Mutex<bool>,
    /// The registry has told a change that is not compiled yet.
    stale: AtomicBool,
}

/// A table that is replaced, with what its closures have captured: dropped when the lock is released.
type Former = Option<Arc<Table>>;

impl Wired {
    /// The table of all handlers, if there was a change.
    #[inline]
    pub(crate) fn table(&self) -> Option<Arc<Table>> {
        if self.is_changed() { self.changed() } else { None }
    }

    /// Was there a change since the bus was built?
    #[inline]
    pub(crate) fn is_changed(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    #[inline(never)]
    fn changed(&self) -> Option<Arc<Table>> {
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
        self.change(core, session, |over| {
            if *over {
                return (Err(RegisterError::SessionClosed { session_id: session.clone() }), None);
            }
            match self.add(core, session, built, plan) {
                Ok((id, former)) => (Ok(id), former),
                Err(refused) => (Err(refused), None),
            }
        })
    }

    fn add(
        &self,
        core: &Core,
        session: &SessionId,
        built: Option<&Table>,
        plan: Plan,
    ) -> Result<(HandlerId, Former), RegisterError> {
        if plan.message.is_command() {
            self.refuse_rival(built, &plan)?;
        }
        let info = plan.handler.clone();
        let refused = |error: RegistryError| RegisterError::Refused {
            handler: info.clone(),
            reason: error.to_string(),
        };
        let id = plan.id;
        let handler = RegisteredHandler { session: session.clone(), plan: Arc::new(plan) };
        core.registry.register(handler).map_err(refused)?;
        match self.compile(core, session) {
            Ok(former) => Ok((id, former)),
            Err(error) => {
                core.registry.unregister(session, id);
                Err(refused(error))
            }
        }
    }

    /// Lets go of a handler: calls that have begun go on. `false`: it was not there.
    pub(crate) fn unregister(&self, core: &Core, session: &SessionId, id: HandlerId) -> bool {
        self.change(core, session, |over| {
            if *over || !core.registry.unregister(session, id) {
                return (false, None);
            }
            match self.compile(core, session) {
                Ok(former) => (true, former),
                Err(error) => {
                    tell(session, &error);
                    // But for this one: that it is out is known.
                    let table = self.table().map(|table| table.without(id));
                    (true, table.and_then(|table| self.put(table)))
                }
            }
        })
    }

    /// Lets go of all handlers of a session, for good.
    pub(crate) fn end(&self, core: &Core, session: &SessionId) {
        self.change(core, session, |over| {
            let had_any = !std::mem::replace(over, true) && self.any.swap(false, Ordering::AcqRel);
            let former = self.table.write().unwrap_or_else(PoisonError::into_inner).take();
            if had_any {
                core.registry.unregister_session(session);
            }
            ((), former)
        });
    }

    /// The registry's answer has changed.
    pub(crate) fn recompile(&self, core: &Core, session: &SessionId) {
        self.stale.store(true, Ordering::SeqCst);
        self.settle(core, session);
    }

    fn change<R>(
        &self,
        core: &Core,
        session: &SessionId,
        change: impl FnOnce(&mut bool) -> (R, Former),
    ) -> R {
        let (result, former) =
            change(&mut self.changing.lock().unwrap_or_else(PoisonError::into_inner));
        drop(former);
        self.settle(core, session);
        result
    }

    /// Compiles what the registry has told, unless somebody holds the lock, who does that then.
    fn settle(&self, core: &Core, session: &SessionId) {
        while self.stale.load(Ordering::SeqCst) {
            let over = match self.changing.try_lock() {
                Ok(over) => over,
                Err(TryLockError::Poisoned(over)) => over.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            self.stale.store(false, Ordering::SeqCst);
            let compiled = if *over { Ok(None) } else { self.compile(core, session) };
            drop(over);
            compiled.map_or_else(|error| tell(session, &error), drop);
        }
    }

    fn compile(&self, core: &Core, session: &SessionId) -> Result<Former, RegistryError> {
        self.stale.store(false, Ordering::SeqCst);
        Ok(self.put(Table::compile(core.registry.handlers(session)?)))
    }

    fn put(&self, table: Table) -> Former {
        let mut place = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let former = place.replace(Arc::new(table));
        drop(place);
        self.any.store(true, Ordering::Release);
        former
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
}

fn tell(session: &SessionId, error: &RegistryError) {
    tracing::error!(%session, %error, "the registry cannot say which handlers there are: they stay");
}
