//! The registry as the bus asks it: where handlers are kept, and which of them are called.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use super::plan::{HandlerInfo, Plan};
use crate::core::Core;
use crate::message::MessageInfo;
use crate::session::SessionId;

/// Keeps the handlers of a bus and of its sessions, and decides which of them are called. The default
/// is [`SimpleRegistry`](crate::SimpleRegistry); one of your own is set with
/// [`Builder::registry`](crate::Builder::registry): to write down who registered what, or to
/// switch handlers off.
///
/// It is asked when something changes, never when a message is sent: the bus compiles what
/// [`handlers`](Self::handlers) gives into tables that a dispatch looks into, at a cost that does not
/// depend on how many handlers there are.
///
/// A registry serves one bus, and is not told of its end. It is called under a lock of the bus, by
/// whoever builds the bus, registers a handler, or opens or ends a session: it must not register on
/// the bus, and holds those up for as long as it takes.
///
/// ```
/// use bus::{Bus, RegisteredHandler, Registry, RegistryError, SessionId, SimpleRegistry};
///
/// /// Calls no handler whose name begins with `debug_`.
/// #[derive(Default)]
/// struct Quiet(SimpleRegistry);
///
/// impl Registry for Quiet {
///     fn register(&self, handler: RegisteredHandler) -> Result<(), RegistryError> {
///         self.0.register(handler)
///     }
///     fn unregister(&self, session: &SessionId, id: bus::HandlerId) -> bool {
///         self.0.unregister(session, id)
///     }
///     fn unregister_session(&self, session: &SessionId) -> usize {
///         self.0.unregister_session(session)
///     }
///     fn handlers(&self, session: &SessionId) -> Result<Vec<RegisteredHandler>, RegistryError> {
///         let mut handlers = self.0.handlers(session)?;
///         handlers.retain(|handler| !handler.info().name.starts_with("debug_"));
///         Ok(handlers)
///     }
/// }
///
/// let bus = Bus::builder().registry(Quiet::default()).build()?;
/// # Ok::<(), bus::BuildError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a registry",
    label = "expected a type that implements `bus::Registry`",
    note = "implement `register`, `unregister`, `unregister_session` and `handlers`; a `bus::SimpleRegistry` inside can keep what is given to it"
)]
pub trait Registry: Send + Sync + 'static {
    /// Keeps a handler: of the bus ([`SessionId::BUS`]) or of a session.
    ///
    /// # Errors
    /// When it does not want it, or cannot keep it: building the bus, opening the session or
    /// registering the handler then fails with the reason.
    fn register(&self, handler: RegisteredHandler) -> Result<(), RegistryError>;

    /// Lets go of a handler. `false`: it was not there, and nothing changes.
    fn unregister(&self, session: &SessionId, handler: HandlerId) -> bool;

    /// Lets go of all handlers of a session, which has ended. Returns how many there were. Not asked
    /// for a session that never had one, nor for the bus.
    fn unregister_session(&self, session: &SessionId) -> usize;

    /// The handlers of the bus, or of a session, that are to be called: of those that it was given
    /// for it. Their order is that of registration; the bus sorts them by priority.
    ///
    /// # Errors
    /// When it cannot tell now. A bus that is being built, or a registration, then fails; otherwise
    /// the error is logged, and messages go where they went before.
    fn handlers(&self, session: &SessionId) -> Result<Vec<RegisteredHandler>, RegistryError>;

    /// Called once, before the bus asks for its handlers: where to say that
    /// [`handlers`](Self::handlers) would give something else by now, for a reason that the bus does
    /// not know.
    fn watch(&self, changes: RegistryChanges) {
        drop(changes);
    }
}

impl<R: Registry + ?Sized> Registry for Arc<R> {
    fn register(&self, handler: RegisteredHandler) -> Result<(), RegistryError> {
        (**self).register(handler)
    }
    fn unregister(&self, session: &SessionId, handler: HandlerId) -> bool {
        (**self).unregister(session, handler)
    }
    fn unregister_session(&self, session: &SessionId) -> usize {
        (**self).unregister_session(session)
    }
    fn handlers(&self, session: &SessionId) -> Result<Vec<RegisteredHandler>, RegistryError> {
        (**self).handlers(session)
    }
    fn watch(&self, changes: RegistryChanges) {
        (**self).watch(changes);
    }
}

/// Names a handler that was registered, in this process. Not used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HandlerId(u64);

impl HandlerId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A handler as a [`Registry`] keeps it: what is known of it, and what the bus needs to call it.
#[derive(Clone)]
pub struct RegisteredHandler {
    pub(super) session: SessionId,
    pub(crate) plan: Arc<Plan>,
}

impl RegisteredHandler {
    pub(super) fn of_bus(plan: Arc<Plan>) -> Self {
        Self { session: SessionId::BUS, plan }
    }

    /// Names it in this process.
    #[must_use]
    pub fn id(&self) -> HandlerId {
        self.plan.id
    }

    /// Whose handler it is: the bus's ([`SessionId::BUS`]) or a session's.
    #[must_use]
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// Its name, its place and its priority.
    #[must_use]
    pub fn info(&self) -> &HandlerInfo {
        &self.plan.handler
    }

    /// What it handles.
    #[must_use]
    pub fn message(&self) -> &'static MessageInfo {
        self.plan.message
    }
}

impl fmt::Debug for RegisteredHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegisteredHandler({} of {})", self.info(), self.message().name())
    }
}

/// Why a [`Registry`] does not want a handler, or cannot say which there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RegistryError(String);

impl RegistryError {
    /// An error that says this.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

/// Where a [`Registry`] says that its answer has changed. Does not keep the bus alive.
#[derive(Clone, Default)]
pub struct RegistryChanges(Arc<Told>);

#[derive(Default)]
struct Told {
    /// When the bus is built.
    core: OnceLock<Weak<Core>>,
    /// Something was told before that.
    early: AtomicBool,
}

impl RegistryChanges {
    /// The bus is built, of what the registry has said before.
    pub(crate) fn attach(&self, core: &Core) {
        let _ = self.0.core.set(core.weak());
        if self.0.early.load(Ordering::SeqCst) {
            core.wired.recompile(core, &SessionId::BUS);
        }
    }

    fn core(&self) -> Option<Arc<Core>> {
        let Told { core, early } = &*self.0;
        if core.get().is_none() {
            // Either this sees the bus now, or the bus sees this.
            early.store(true, Ordering::SeqCst);
        }
        core.get()?.upgrade()
    }

    /// Asks for the handlers of the bus ([`SessionId::BUS`]) or of a session again, on this thread: not to
    /// be called under a lock that [`Registry::handlers`] takes. When this returns, messages go to
    /// those that it gave; unless a registration is under way, which then asks again when it is
    /// done. `false`: there is no such session, or no bus.
    pub fn changed(&self, session: &SessionId) -> bool {
        let Some(core) = self.core() else { return false };
        if *session == SessionId::BUS {
            core.wired.recompile(&core, session);
            return true;
        }
        let Some(scope) = core.sessions.find(session) else { return false };
        scope.wired.recompile(&core, session);
        true
    }
}

impl fmt::Debug for RegistryChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegistryChanges")
    }
}
