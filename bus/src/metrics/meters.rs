//! The meters of all handlers, by name: bounded, and never taken out, so that nothing that was counted is lost.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::grid::Grid;
use super::meter::Meter;
use crate::message::MessageInfo;
use crate::registry::HandlerInfo;
use crate::sync::{Mutex, lock};

/// What handlers beyond the bound are called.
const OTHERS: &str = "(others)";

pub(crate) struct Meters {
    limit: usize,
    grid: Arc<Grid>,
    all: Mutex<BTreeMap<Key, Arc<Meter>>>,
    /// Of commands, and of events.
    others: [Arc<Meter>; 2],
}

/// Message, and handler.
type Key = (&'static str, Cow<'static, str>);

impl Meters {
    pub(super) fn new(limit: usize, grid: Arc<Grid>) -> Self {
        let others = [true, false].map(|is_command| {
            Arc::new(Meter::new(OTHERS.into(), OTHERS, is_command, Arc::clone(&grid)))
        });
        Self { limit, grid, all: Mutex::default(), others }
    }

    /// That of a handler that is about to be wired.
    pub(crate) fn of(&self, handler: &HandlerInfo, message: &'static MessageInfo) -> Arc<Meter> {
        let key = (message.name(), handler.name.clone());
        let mut all = lock(&self.all);
        if let Some(meter) = all.get(&key) {
            return Arc::clone(meter);
        }
        let is_command = message.is_command();
        if all.len() >= self.limit {
            return Arc::clone(&self.others[usize::from(!is_command)]);
        }
        let name = handler.name.clone();
        let meter = Arc::new(Meter::new(name, message.name(), is_command, Arc::clone(&self.grid)));
        all.insert(key, Arc::clone(&meter));
        meter
    }

    /// In the order of messages and handlers, those that share one last.
    pub(crate) fn all(&self) -> Vec<Arc<Meter>> {
        let mut all: Vec<_> = lock(&self.all).values().cloned().collect();
        all.extend(self.others.iter().cloned());
        all
    }
}
