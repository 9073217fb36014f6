//! All who listen, by what they listen to.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, RwLock, Weak};
use std::sync::{PoisonError, RwLockReadGuard, RwLockWriteGuard};

use crate::core::Core;
use crate::envelope::Envelope;
use crate::message::{Message, MessageInfo};
use crate::pipeline::failure::panic_text;
use crate::registry::listens::Listens;
use crate::registry::type_map::TypeMap;
use crate::session::Scope;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// One who listens.
pub(super) trait Ear: Send + Sync {
    /// An event of its type. `false`: it has heard enough.
    fn hear(&self, event: &Envelope) -> bool;
    /// There is nothing to be heard any more.
    fn end(&self);
}

/// They are few and change seldom, or there are none.
#[derive(Default)]
pub(crate) struct Listeners {
    all: RwLock<All>,
    /// How many there are.
    count: AtomicUsize,
    /// Does somebody listen to the bus's own events?
    to_own: AtomicBool,
    next: AtomicUsize,
}

#[derive(Default)]
struct All {
    by_type: TypeMap<Vec<Listener>>,
    /// Those that hear any event.
    to_any: Vec<Listener>,
    own: Listens,
    ended: bool,
}

#[derive(Clone)]
struct Listener {
    number: usize,
    info: &'static MessageInfo,
    ear: Arc<dyn Ear>,
    /// It hears what is in this session.
    session: Option<Weak<Scope>>,
}

/// A place among the listeners.
#[derive(Clone, Copy)]
pub(super) struct Place {
    number: usize,
    info: &'static MessageInfo,
}

impl Listeners {
    /// Does anybody listen to anything?
    #[inline]
    pub(crate) fn are_there(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Which of the bus's own events somebody listens to.
    pub(crate) fn to_own(&self) -> Option<Listens> {
        self.hear_own().then(|| self.read().own)
    }

    /// Does somebody listen to one of them?
    #[inline]
    pub(crate) fn hear_own(&self) -> bool {
        self.to_own.load(Ordering::Acquire)
    }

    fn add<E: Message>(&self, ear: Arc<dyn Ear>, session: Option<&Arc<Scope>>) -> Place {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let place = Place { number, info: E::INFO };
        let mut all = self.write();
        if all.ended {
            drop(all);
            ear.end();
            return place;
        }
        let listener =
            Listener { number, info: E::INFO, ear, session: session.map(Arc::downgrade) };
        all.of(E::INFO).push(listener);
        self.changed(&mut all);
        place
    }

    /// Takes one out.
    pub(super) fn remove(&self, place: Place) {
        let mut all = self.write();
        let listeners = all.of(place.info);
        let at = listeners.iter().position(|listener| listener.number == place.number);
        let removed = at.map(|at| listeners.remove(at));
        self.changed(&mut all);
        drop(all);
        // What it has heard is dropped with it.
        drop(removed);
    }

    /// Tells them of an event. Did somebody hear it who asked for its type?
    pub(crate) fn tell(&self, event: &Envelope) -> bool {
        let all = self.read();
        let typed = all.by_type.get(&event.info.type_id()).into_iter().flatten();
        let any = all.to_any.iter().filter(|listener| {
            !event.lifecycle
                && listener.info.hears().is_some_and(|heard| heard.is_any_of(event.info.category()))
        });
        // A predicate is a user's code: it runs outside of the lock.
        let ears: Vec<_> = typed.chain(any).filter(|l| l.is_in_reach(event)).cloned().collect();
        drop(all);
        let mut heard = false;
        for listener in ears {
            heard |= listener.info.hears().is_none();
            // What is let go of here, and who is woken, is a user's code. The event goes on.
            let told = catch_unwind(AssertUnwindSafe(move || {
                if !listener.ear.hear(event) {
                    self.remove(Place { number: listener.number, info: listener.info });
                }
            }));
            if let Err(panic) = told {
                let panic = panic_text(&*panic);
                tracing::error!(event = event.info.name(), panic, "one who listens panicked");
            }
        }
        heard
    }

    /// A session has ended, and with it those who listen to what is in it.
    pub(crate) fn end_of(&self, session: &Arc<Scope>) {
        if self.are_there() {
            let is_of = |of: &Weak<Scope>| std::ptr::eq(of.as_ptr(), Arc::as_ptr(session));
            self.end_those(|listener| listener.session.as_ref().is_some_and(is_of));
        }
    }

    /// There is nothing to be heard any more.
    pub(crate) fn end(&self) {
        self.write().ended = true;
        self.end_those(|_| true);
    }

    fn end_those(&self, is_one: impl Fn(&Listener) -> bool) {
        let mut all = self.write();
        let mut ended: Vec<Listener> = Vec::new();
        let All { by_type, to_any, .. } = &mut *all;
        for listeners in by_type.values_mut().chain([to_any]) {
            ended.extend(listeners.extract_if(.., |listener| is_one(listener)));
        }
        self.changed(&mut all);
        drop(all);
        ended.iter().for_each(|listener| listener.ear.end());
    }

    fn changed(&self, all: &mut All) {
        all.by_type.retain(|_, listeners| !listeners.is_empty());
        let typed: usize = all.by_type.values().map(Vec::len).sum();
        all.own = Listens::which(|type_id| all.by_type.contains_key(&type_id));
        self.to_own.store(all.own != Listens::default(), Ordering::Release);
        self.count.store(typed + all.to_any.len(), Ordering::Release);
    }

    fn read(&self) -> RwLockReadGuard<'_, All> {
        self.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, All> {
        self.all.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    pub(super) fn listen<E: Message>(
        &self,
        ear: Arc<dyn Ear>,
        session: Option<&Arc<Scope>>,
    ) -> Place {
        let place = self.listeners.add::<E>(ear, session);
        // Either it is found when the session ends, or the session is found to have ended.
        let is_open = |scope: &&Arc<Scope>| {
            self.sessions.find(&scope.id).is_some_and(|found| Arc::ptr_eq(&found, scope))
        };
        if let Some(ended) = session.filter(|scope| !is_open(scope)) {
            self.listeners.end_of(ended);
        }
        place
    }
}

impl All {
    fn of(&mut self, info: &'static MessageInfo) -> &mut Vec<Listener> {
        match info.hears() {
            Some(_) => &mut self.to_any,
            None => self.by_type.entry(info.type_id()).or_default(),
        }
    }
}

impl Listener {
    fn is_in_reach(&self, event: &Envelope) -> bool {
        let Some(session) = &self.session else { return true };
        let (Some(session), Some(scope)) = (session.upgrade(), event.scope()) else { return false };
        scope.is_within(&session)
    }
}
