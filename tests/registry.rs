//! The registry as an extension point: it keeps handlers, refuses them, and says which are called.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use bus::{
    Bus, CommandErrorKind, HandlerId, HandlerOptions, OwnedContext, RegisterError,
    RegisteredHandler, Registry, RegistryChanges, RegistryError, Res, SessionError, SessionId,
    SimpleRegistry, WiringProblem, command, event, handler, resource,
};

#[derive(Default)]
struct Log(Mutex<Vec<&'static str>>);
impl Log {
    fn add(&self, line: &'static str) {
        self.0.lock().unwrap().push(line);
    }
    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}
#[resource]
fn log() -> Log {
    Log::default()
}

#[command(output = u32)]
struct Count;
#[handler(name = "count")]
async fn count(_: Count) -> bus::Result<u32> {
    Ok(1)
}
#[event]
struct Rang;
#[handler(priority = -1, name = "low")]
fn low(_: &Rang, log: &Res<Log>) {
    log.add("low");
}
#[handler(priority = 1, name = "high")]
fn high(_: &Rang, log: &Res<Log>) {
    log.add("high");
}

/// A registry whose handlers can be switched off, and which wants some not at all.
#[derive(Default)]
struct Switches {
    inner: SimpleRegistry,
    off: Mutex<HashSet<&'static str>>,
    unwanted: Mutex<HashSet<&'static str>>,
    changes: OnceLock<RegistryChanges>,
    /// What it was asked, in this order.
    asked: Mutex<Vec<String>>,
    /// Says in `register` that something has changed.
    eager: bool,
    /// Refuses when it has told that.
    refuses_after: AtomicBool,
    /// Cannot say which handlers there are.
    broken: AtomicBool,
}

impl Switches {
    fn switch_off(&self, name: &'static str) {
        self.off.lock().unwrap().insert(name);
    }
    fn note(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }
    fn changed(&self, session: &SessionId) -> bool {
        self.changes.get().unwrap().changed(session)
    }
}

impl Registry for Switches {
    fn register(&self, handler: RegisteredHandler) -> Result<(), RegistryError> {
        let name = &*handler.info().name;
        if self.unwanted.lock().unwrap().contains(name) {
            return Err(RegistryError::new("it is not wanted"));
        }
        let message = handler.message().name();
        self.note(format!("{name} of {} for {message}", handler.session()));
        let id = handler.id();
        self.inner.register(handler)?;
        if self.eager {
            self.changes.get().map(|changes| changes.changed(&SessionId::BUS));
        }
        if self.refuses_after.load(Ordering::Relaxed) {
            self.inner.unregister(&SessionId::BUS, id);
            return Err(RegistryError::new("it is not wanted after all"));
        }
        Ok(())
    }
    fn unregister(&self, session: &SessionId, handler: HandlerId) -> bool {
        if self.eager {
            self.changes.get().map(|changes| changes.changed(session));
        }
        self.inner.unregister(session, handler)
    }
    fn unregister_session(&self, session: &SessionId) -> usize {
        self.note(format!("end of {session}"));
        self.inner.unregister_session(session)
    }
    fn handlers(&self, session: &SessionId) -> Result<Vec<RegisteredHandler>, RegistryError> {
        let mut handlers = self.inner.handlers(session)?;
        if self.broken.load(Ordering::Relaxed) {
            return Err(RegistryError::new("the disk is full"));
        }
        let off = self.off.lock().unwrap();
        handlers.retain(|handler| !off.contains(&*handler.info().name));
        // Any order: the bus sorts.
        handlers.reverse();
        Ok(handlers)
    }
    fn watch(&self, changes: RegistryChanges) {
        // Again, when the bus is built again.
        let _ = self.changes.set(changes);
    }
}

fn bus(registry: Switches) -> (Bus, Arc<Switches>, Res<Log>) {
    let registry = Arc::new(registry);
    let bus = Bus::builder().registry(Arc::clone(&registry)).build().unwrap();
    let log = bus.resource().unwrap();
    (bus, registry, log)
}

async fn ring(bus: &Bus, log: &Res<Log>) -> Vec<&'static str> {
    bus.publish(Rang).and_wait().await.unwrap();
    log.take()
}

#[tokio::test]
async fn a_handler_that_is_not_listed_is_not_called_and_the_wiring_says_so() {
    let registry = Switches::default();
    registry.switch_off("high");
    registry.switch_off("count");
    let (bus, _, log) = bus(registry);
    assert_eq!(ring(&bus, &log).await, ["low"]);
    let error = bus.execute(Count).await.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::NoHandler));
    let warnings = bus.wiring().warnings().join("\n");
    assert!(warnings.contains("handler `high` at tests/registry.rs:"), "{warnings}");
    assert!(warnings.contains("`count`") && !warnings.contains("`low`"), "{warnings}");
}

#[tokio::test]
async fn priorities_are_the_buss_business_in_whatever_order_handlers_are_listed() {
    let (bus, _, log) = bus(Switches::default());
    assert_eq!(ring(&bus, &log).await, ["high", "low"]);
    let mid = log.clone();
    bus.register_event_handler(move |_: Arc<Rang>, _: OwnedContext| {
        mid.add("mid");
        std::future::ready(())
    })
    .unwrap();
    assert_eq!(ring(&bus, &log).await, ["high", "mid", "low"]);
}

#[tokio::test]
async fn a_change_that_the_registry_tells_is_there_at_once() {
    let (bus, registry, log) = bus(Switches::default());
    registry.switch_off("low");
    assert_eq!(ring(&bus, &log).await, ["high", "low"], "it has not said so yet");
    assert!(registry.changed(&SessionId::BUS));
    assert_eq!(ring(&bus, &log).await, ["high"]);
    registry.off.lock().unwrap().clear();
    registry.changed(&SessionId::BUS);
    assert_eq!(ring(&bus, &log).await, ["high", "low"]);

    let own = log.clone();
    let options = HandlerOptions::new().name("own");
    let session = bus
        .session("s")
        .on_event_with(options, move |_: Arc<Rang>, _: OwnedContext| {
            own.add("own");
            std::future::ready(())
        })
        .open()
        .await
        .unwrap();
    session.publish(Rang).and_wait().await.unwrap();
    assert_eq!(log.take(), ["high", "own", "low"]);
    registry.switch_off("own");
    assert!(registry.changed(&"s".into()) && !registry.changed(&"t".into()));
    session.publish(Rang).and_wait().await.unwrap();
    assert_eq!(log.take(), ["high", "low"]);
}

#[tokio::test]
async fn what_it_refuses_is_not_built_not_opened_and_not_registered() {
    let registry = Switches::default();
    registry.unwanted.lock().unwrap().insert("count");
    let refused = Bus::builder().registry(registry).build().unwrap_err();
    assert!(matches!(&refused.problems()[0], WiringProblem::Refused { .. }));
    let text = refused.to_string();
    assert!(
        text.contains("handler `count` at tests/registry.rs:")
            && text.ends_with("it is not wanted"),
        "{text}"
    );

    let (bus, registry, _) = bus(Switches::default());
    registry.unwanted.lock().unwrap().insert("closure");
    let ignore = |_: Arc<Rang>, _: OwnedContext| std::future::ready(());
    let refused = bus.register_event_handler(ignore).unwrap_err();
    assert!(matches!(refused, RegisterError::Refused { .. }), "{refused}");
    let fine = HandlerOptions::new().name("fine");
    let opening = bus.session("s").on_event_with(fine, ignore).on_event(ignore);
    let refused = opening.open().await.unwrap_err();
    assert!(matches!(refused, SessionError::Handler(RegisterError::Refused { .. })), "{refused}");
    assert!(bus.sessions().is_empty() && registry.inner.handlers(&"s".into()).unwrap().is_empty());
}

#[tokio::test]
async fn it_is_told_whose_handler_comes_and_which_session_has_gone() {
    let (bus, registry, _) = bus(Switches::default());
    let told = std::mem::take(&mut *registry.asked.lock().unwrap());
    let mut expected = [
        "count of BUS for registry::Count",
        "high of BUS for registry::Rang",
        "low of BUS for registry::Rang",
    ];
    expected.sort_unstable();
    let mut sorted = told.clone();
    sorted.sort();
    assert_eq!(sorted, expected);
    let session = bus
        .session("s")
        .on_event(|_: Arc<Rang>, _: OwnedContext| std::future::ready(()))
        .open()
        .await
        .unwrap();
    let empty = bus.session("t").open().await.unwrap();
    assert!(session.close().await.is_clean() && empty.close().await.is_clean());
    let told = std::mem::take(&mut *registry.asked.lock().unwrap());
    assert_eq!(
        told,
        ["closure of s for registry::Rang", "end of s"],
        "a session without handlers costs nothing"
    );
}

/// It may say that it has changed while the bus asks it.
#[tokio::test]
async fn a_change_told_in_the_midst_of_a_change_does_not_block() {
    let (bus, registry, log) = bus(Switches { eager: true, ..Switches::default() });
    registry.switch_off("low");
    bus.register_event_handler(|_: Arc<Rang>, _: OwnedContext| std::future::ready(())).unwrap();
    assert_eq!(ring(&bus, &log).await, ["high"]);
}

/// A registration that outlives its bus, and changes that are told to nobody.
#[tokio::test]
async fn nothing_of_a_registry_keeps_the_bus() {
    let (bus, registry, _) = bus(Switches::default());
    let registration =
        bus.register_event_handler(|_: Arc<Rang>, _: OwnedContext| std::future::ready(())).unwrap();
    drop(bus);
    tokio::task::yield_now().await;
    assert!(!registration.unregister());
    assert!(!registry.changed(&SessionId::BUS));
}

/// A change that is told while a registration fails, or while nothing is unregistered, is not lost.
#[tokio::test]
async fn a_change_told_while_something_is_refused_is_not_lost() {
    let (bus, registry, log) = bus(Switches { eager: true, ..Switches::default() });
    let ignore = |_: Arc<Rang>, _: OwnedContext| std::future::ready(());
    let kept = bus.register_event_handler(ignore).unwrap();
    assert!(kept.unregister());
    registry.switch_off("low");
    registry.refuses_after.store(true, Ordering::Relaxed);
    bus.register_event_handler(ignore).unwrap_err();
    assert_eq!(ring(&bus, &log).await, ["high"]);
    registry.off.lock().unwrap().clear();
    assert!(!kept.unregister(), "it was out");
    assert_eq!(ring(&bus, &log).await, ["high", "low"]);
}

/// However a change falls together with registrations on another thread, it is there in the end.
#[test]
fn no_change_is_lost_among_registrations() {
    let (bus, registry, _) = bus(Switches::default());
    let done = Arc::new(AtomicBool::new(false));
    let registers = std::thread::spawn({
        let (bus, done) = (bus.clone(), Arc::clone(&done));
        move || {
            while !done.load(Ordering::Relaxed) {
                let ignore = |_: Arc<Other>, _: OwnedContext| std::future::ready(());
                bus.register_event_handler(ignore).unwrap().unregister();
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for round in 0..20_000 {
        let is_off = round % 2 == 0;
        if is_off {
            registry.switch_off("count");
        } else {
            registry.off.lock().unwrap().clear();
        }
        registry.changed(&SessionId::BUS);
        // Another thread may be compiling it: it is on its way.
        let mut spins = 0;
        while runtime.block_on(bus.execute(Count)).is_err() != is_off {
            spins += 1;
            assert!(spins < 100_000, "a change was lost in round {round}");
            std::thread::yield_now();
        }
    }
    done.store(true, Ordering::Relaxed);
    registers.join().unwrap();
}
#[event]
struct Other;

#[tokio::test]
async fn a_registry_that_cannot_tell_changes_nothing() {
    let broken = Switches::default();
    broken.broken.store(true, Ordering::Relaxed);
    let refused = Bus::builder().registry(broken).build().unwrap_err();
    assert!(
        refused.to_string().ends_with("which handlers there are: the disk is full"),
        "{refused}"
    );

    let (bus, registry, log) = bus(Switches::default());
    let kept =
        bus.register_event_handler(|_: Arc<Rang>, _: OwnedContext| std::future::ready(())).unwrap();
    registry.broken.store(true, Ordering::Relaxed);
    registry.switch_off("low");
    registry.changed(&SessionId::BUS);
    assert_eq!(ring(&bus, &log).await, ["high", "low"], "messages go where they went");
    let refused =
        bus.register_event_handler(|_: Arc<Rang>, _: OwnedContext| std::future::ready(()));
    assert!(refused.unwrap_err().to_string().ends_with("the disk is full"));
    assert!(kept.unregister());
    registry.broken.store(false, Ordering::Relaxed);
    registry.changed(&SessionId::BUS);
    assert_eq!(ring(&bus, &log).await, ["high"]);
    assert_eq!(
        registry.inner.handlers(&SessionId::BUS).unwrap().len(),
        3,
        "what was refused was kept"
    );
}

#[test]
fn a_strict_bus_refuses_a_command_whose_handler_is_switched_off_and_leaves_nothing() {
    let registry = Arc::new(Switches::default());
    registry.switch_off("count");
    let refused = Bus::builder().strict().registry(Arc::clone(&registry)).build().unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("command registry::Count has no handler that is called"), "{text}");
    assert!(
        registry.inner.handlers(&SessionId::BUS).unwrap().is_empty(),
        "a bus that was not built has left handlers"
    );
    registry.off.lock().unwrap().clear();
    assert!(Bus::builder().strict().registry(registry).build().is_ok());
}
