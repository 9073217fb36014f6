//! The circuit breakers of a bus: those that several handlers share, by their names.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};

use super::breaker::CircuitBreaker;
use super::said::Breaker;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::core::Core;
use crate::pipeline::announce;
use crate::registry::plan::Plan;
use crate::sync::{Mutex, lock};

#[derive(Default)]
pub(crate) struct Breakers {
    shared: Mutex<BTreeMap<String, CircuitBreaker>>,
    /// Who is told of their changes, when there is one.
    core: Arc<OnceLock<Weak<Core>>>,
}

impl Breakers {
    /// That of this name, which the first who names it makes; one without a name is the handler's own.
    pub(crate) fn get(
        &self,
        wanted: &Breaker,
        handler: &str,
        clock: &Arc<dyn Clock>,
    ) -> Option<CircuitBreaker> {
        let Some(name) = &wanted.name else { return self.make(handler, wanted, clock) };
        let mut shared = lock(&self.shared);
        if let Some(breaker) = shared.get(name) {
            return Some(breaker.clone());
        }
        let breaker = self.make(name, wanted, clock)?;
        shared.insert(name.clone(), breaker.clone());
        Some(breaker)
    }

    /// `None`: its numbers make no sense, which was said before.
    fn make(&self, name: &str, wanted: &Breaker, clock: &Arc<dyn Clock>) -> Option<CircuitBreaker> {
        let breaker = CircuitBreaker::new(name, wanted.config).ok()?.with_clock(Arc::clone(clock));
        let (core, name) = (Arc::clone(&self.core), name.to_owned());
        breaker.on_change(move |change| {
            if let Some(core) = core.get().and_then(Weak::upgrade) {
                announce::circuit_changed(&core, &name, change);
            }
        });
        Some(breaker)
    }

    pub(crate) fn tell(&self, core: Weak<Core>) {
        let _ = self.core.set(core);
    }
}

/// The circuit breakers of its handlers.
impl Bus {
    /// Those of the handlers of the bus and of its open sessions: each once, sorted by name. To look at their
    /// states, or to force one open, disable or reset it.
    #[must_use]
    pub fn circuit_breakers(&self) -> Vec<CircuitBreaker> {
        self.core().circuit_breakers()
    }

    /// The one of this name: that which handlers share, or that of a handler of its own.
    #[must_use]
    pub fn circuit_breaker(&self, name: &str) -> Option<CircuitBreaker> {
        self.circuit_breakers().into_iter().find(|breaker| breaker.name() == name)
    }
}

impl Core {
    /// Those, in no order and perhaps several times, without keeping them.
    pub(crate) fn each_breaker(&self, show: &mut dyn FnMut(&CircuitBreaker)) {
        let mut of_plan = |plan: &Plan| {
            if let Some(breaker) = plan.policy.as_ref().and_then(|policy| policy.breaker.as_ref()) {
                show(breaker);
            }
        };
        self.wired.table().as_deref().unwrap_or(&self.table).each(&mut of_plan);
        for scope in self.sessions.all() {
            scope.wired.table().iter().for_each(|table| table.each(&mut of_plan));
        }
    }

    /// Each once, sorted by name.
    pub(crate) fn circuit_breakers(&self) -> Vec<CircuitBreaker> {
        let of_bus = self.wired.table();
        let mut plans = of_bus.as_deref().unwrap_or(&self.table).all();
        for scope in self.sessions.all() {
            plans.extend(scope.wired.table().into_iter().flat_map(|table| table.all()));
        }
        let policies = plans.iter().filter_map(|plan| plan.policy.as_ref());
        let mut all: Vec<_> = policies.filter_map(|policy| policy.breaker.clone()).collect();
        all.sort_by(|a, b| a.name().cmp(b.name()).then(a.place().cmp(&b.place())));
        all.dedup_by_key(|breaker| breaker.place());
        all
    }
}
