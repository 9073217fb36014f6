//! A session as its messages and handlers see it.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;

use super::callbacks::OnClose;
use super::gate::Gate;
use super::id::SessionId;
use super::member::Member;
use super::report::SessionReport;
use crate::core::Core;
use crate::handler::resource::{Res, ResourceSet};
use crate::message::MessageInfo;
use crate::pipeline::cancel::Cancel;
use crate::registry::listens::Listens;
use crate::registry::plan::Plan;
use crate::registry::table::Route;
use crate::registry::wired::Wired;
use crate::sync::{Mutex, shared};

/// How deep sessions may be nested. Deeper is a cycle of sessions that open each other.
pub(crate) const MAX_DEPTH: u16 = 64;

shared! {
    /// A session. Held by its handles, and by the messages, handlers and tasks that are at work in it.
    pub(crate) struct Scope {
        pub(crate) id: SessionId,
        pub(crate) number: u64,
        pub(crate) core: Weak<Core>,
        pub(crate) parent: Option<Arc<Scope>>,
        pub(crate) depth: u16,
        pub(crate) since: SystemTime,
        pub(crate) opened: std::time::Instant,
        /// How long the end waits for what is in flight; `None`: as the bus says.
        pub(crate) close_timeout: Option<Duration>,
        /// What is in flight in it and in the sessions inside it, and those sessions themselves.
        pub(crate) inside: Gate,
        /// What is its own: runs of its handlers, what was executed through it, its tasks.
        pub(crate) own: Gate,
        pub(crate) wired: Wired,
        resources: Option<Box<ResourceSet>>,
        /// Fires when what is in flight has ended or has taken too long: ends what is its own.
        cancel: OnceLock<Arc<Cancel>>,
        /// The same for the handlers of the bus's own events, which are told of the session's end.
        farewell: OnceLock<Arc<Cancel>>,
        pub(crate) state: Mutex<State>,
        /// Tells those who wait for the end.
        pub(crate) ended: Notify,
    }
}

/// What changes in a session's life.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) children: BTreeMap<u64, Arc<Scope>>,
    /// An open session is in flight in its parent.
    pub(crate) in_parent: Option<Member>,
    /// What is wanted at the end.
    pub(crate) on_close: OnClose,
    /// Why it ends, if for an error.
    pub(crate) error: Option<Box<str>>,
    /// Tasks that have panicked.
    pub(crate) panicked: usize,
    pub(crate) report: Option<Box<SessionReport>>,
}

/// What a session is made of.
pub(crate) struct Parts {
    pub(crate) id: SessionId,
    pub(crate) number: u64,
    pub(crate) parent: Option<Arc<Scope>>,
    pub(crate) resources: Option<Box<ResourceSet>>,
    pub(crate) close_timeout: Option<Duration>,
}

impl Scope {
    pub(crate) fn new(core: &Core, parts: Parts) -> Self {
        let Parts { id, number, parent, resources, close_timeout } = parts;
        Self {
            id,
            number,
            core: core.weak(),
            depth: parent.as_ref().map_or(0, |parent| parent.depth + 1),
            parent,
            since: core.settings.clock.system_time(),
            opened: core.settings.clock.now(),
            close_timeout,
            inside: Gate::new(),
            own: Gate::new(),
            wired: Wired::default(),
            resources,
            cancel: OnceLock::new(),
            farewell: OnceLock::new(),
            state: Mutex::new(State::default()),
            ended: Notify::new(),
        }
    }

    /// Of one that was not opened after all.
    pub(crate) fn into_resources(self) -> Option<Box<ResourceSet>> {
        self.resources
    }

    /// This session, and those around it.
    pub(crate) fn chain(self: &Arc<Self>) -> impl Iterator<Item = &Arc<Scope>> {
        std::iter::successors(Some(self), |scope| scope.parent.as_ref())
    }

    /// Is it this session or one inside of it?
    pub(crate) fn is_within(self: &Arc<Self>, outer: &Arc<Scope>) -> bool {
        self.chain().any(|scope| Arc::ptr_eq(scope, outer))
    }

    /// What ends what is its own.
    pub(crate) fn cancel(&self, is_lifecycle: bool) -> &Arc<Cancel> {
        if is_lifecycle { &self.farewell } else { &self.cancel }.get_or_init(Arc::default)
    }

    pub(crate) fn is_cancelled(&self, is_lifecycle: bool) -> bool {
        let cancel = if is_lifecycle { &self.farewell } else { &self.cancel };
        cancel.get().is_some_and(|cancel| cancel.is_fired())
    }

    /// The handler of a command: of this session, else of those around it.
    pub(crate) fn command(self: &Arc<Self>, type_id: TypeId) -> Option<Arc<Plan>> {
        self.chain().find_map(|scope| scope.wired.table()?.commands.get(&type_id).cloned())
    }

    /// The handlers of an event: of this session, then of those around it.
    pub(crate) fn routes(self: &Arc<Self>, info: &MessageInfo) -> impl Iterator<Item = Arc<Route>> {
        self.chain().filter_map(move |scope| scope.wired.table()?.route(info).cloned())
    }

    /// Which of the bus's own events somebody in this session or around it handles.
    pub(crate) fn listens(self: &Arc<Self>) -> Listens {
        let tables = self.chain().filter_map(|scope| scope.wired.table());
        tables.fold(Listens::default(), |all, table| all.or(table.listens))
    }

    /// A resource that was provided to this session, or to one around it.
    pub(crate) fn resource<T: 'static>(self: &Arc<Self>) -> Option<&Res<T>> {
        self.chain().find_map(|scope| scope.resources.as_ref()?.get::<T>())
    }

    pub(crate) fn provides(self: &Arc<Self>, type_id: TypeId) -> bool {
        self.chain().any(|scope| scope.resources.as_ref().is_some_and(|r| r.contains(type_id)))
    }
}
