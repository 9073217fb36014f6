//! All sessions of a bus that are open.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::end;
use super::id::SessionId;
use super::member::Member;
use super::report::SessionInfo;
use super::scope::Scope;
use crate::core::Core;
use crate::pipeline::options::{Head, InScope};
use crate::pipeline::origin::Origin;
use crate::sync::{Mutex, Sharded, lock};

#[derive(Default)]
pub(crate) struct Sessions {
    open: Mutex<HashMap<SessionId, Arc<Scope>>>,
    next: AtomicU64,
    pub(crate) opened: Sharded,
    pub(crate) ended: Sharded,
    /// Ended where no runtime was there to let them finish.
    pub(crate) cut: Sharded,
}

impl Sessions {
    /// Numbers sessions in the order in which they are opened.
    pub(super) fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes the id. `false`: it is taken.
    pub(super) fn insert(&self, scope: &Arc<Scope>) -> bool {
        match lock(&self.open).entry(scope.id.clone()) {
            Entry::Occupied(_) => return false,
            Entry::Vacant(free) => drop(free.insert(Arc::clone(scope))),
        }
        self.opened.add(1);
        true
    }

    /// Gives the id back.
    pub(super) fn remove(&self, scope: &Arc<Scope>) {
        let mut open = lock(&self.open);
        let is_it = open.get(&scope.id).is_some_and(|found| Arc::ptr_eq(found, scope));
        let removed = if is_it { open.remove(&scope.id) } else { None };
        // What is gone leaves its memory to be used: 100 000 sessions are not there for ever.
        if open.len() < open.capacity() / 4 {
            open.shrink_to_fit();
        }
        drop(open);
        if removed.is_some() {
            self.ended.add(1);
        }
    }

    /// Lets a message into its session: the one that it is sent through or names, else the one that its
    /// origin is in. What follows from a message of that session may still enter when it takes no
    /// more.
    #[inline]
    pub(crate) fn admit(
        &self,
        head: Option<&Head>,
        origin: Option<&Origin>,
    ) -> Result<Option<Member>, SessionId> {
        if head.is_none() && origin.is_none() { Ok(None) } else { self.admit_in(head, origin) }
    }

    #[inline(never)]
    fn admit_in(
        &self,
        head: Option<&Head>,
        origin: Option<&Origin>,
    ) -> Result<Option<Member>, SessionId> {
        let inherited = origin.and_then(|origin| origin.session.as_ref());
        let found;
        let scope = match head.and_then(|head| head.session.as_ref()) {
            None => inherited,
            Some(InScope::Of(scope)) => Some(scope),
            Some(InScope::Named(SessionId::BUS)) => None,
            Some(InScope::Named(id)) => {
                found = self.find(id).ok_or_else(|| id.clone())?;
                Some(&found)
            }
        };
        let Some(scope) = scope else { return Ok(None) };
        if inherited.is_some_and(|inner| inner.is_within(scope)) {
            return Ok(Some(Member::follow(scope)));
        }
        Member::enter(scope).map(Some).ok_or_else(|| scope.id.clone())
    }

    pub(crate) fn find(&self, id: &SessionId) -> Option<Arc<Scope>> {
        lock(&self.open).get(id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Scope>> {
        let mut all: Vec<_> = lock(&self.open).values().cloned().collect();
        all.sort_by_key(|scope| scope.number);
        all
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.open).len()
    }

    /// In the order in which they were opened.
    pub(crate) fn list(&self, core: &Core) -> Vec<SessionInfo> {
        let now = core.settings.clock.now();
        let info = |scope: Arc<Scope>| {
            let children = lock(&scope.state).children.len();
            SessionInfo {
                id: scope.id.clone(),
                parent: scope.parent.as_ref().map(|parent| parent.id.clone()),
                since: scope.since,
                age: now.saturating_duration_since(scope.opened),
                handlers: scope.wired.table().map_or(0, |table| table.handlers()),
                children,
                // Each open session is in flight in those around it.
                in_flight: scope.inside.inside().saturating_sub(open_inside(&scope)),
                is_closing: scope.inside.is_closed(),
            }
        };
        self.all().into_iter().map(info).collect()
    }

    /// Lets all of them end: the bus shuts down. `false`: there was none left to end.
    pub(crate) fn end_all(&self) -> bool {
        self.all().iter().filter(|scope| end::begin(scope, None)).count() > 0
    }
}

/// How many sessions are open inside this one, at any depth.
fn open_inside(scope: &Scope) -> usize {
    let children: Vec<_> = lock(&scope.state).children.values().cloned().collect();
    children.iter().map(|child| 1 + open_inside(child)).sum()
}
