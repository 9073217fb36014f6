//! The meters of all handlers, by name: bounded, and never taken out, so that nothing that was counted is lost.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use super::bounded::PAGE;
use super::grid::Grid;
use super::meter::{Key, Meter};
use crate::message::MessageInfo;
use crate::registry::HandlerInfo;
use crate::sync::{Mutex, lock};

/// What those beyond the bound are called.
pub(crate) const OTHERS: &str = "(others)";

pub(crate) struct Meters {
    limit: usize,
    grid: Arc<Grid>,
    all: Mutex<BTreeMap<Key, Arc<Meter>>>,
    /// Of commands, and of events.
    others: [Arc<Meter>; 2],
}

impl Meters {
    pub(super) fn new(limit: usize, grid: Arc<Grid>) -> Self {
        let others = [false, true].map(|is_event| {
            Arc::new(Meter::new((OTHERS, OTHERS.into(), is_event), Arc::clone(&grid)))
        });
        Self { limit, grid, all: Mutex::default(), others }
    }

    /// That of a handler that is about to be wired.
    pub(crate) fn of(&self, handler: &HandlerInfo, message: &'static MessageInfo) -> Arc<Meter> {
        let is_event = !message.is_command();
        let key = (message.name(), handler.name.clone(), is_event);
        let mut all = lock(&self.all);
        if let Some(meter) = all.get(&key) {
            return Arc::clone(meter);
        }
        if all.len() >= self.limit {
            return Arc::clone(&self.others[usize::from(is_event)]);
        }
        let meter = Arc::new(Meter::new(key.clone(), Arc::clone(&self.grid)));
        all.insert(key, Arc::clone(&meter));
        meter
    }

    /// In the order of messages and handlers, those that share one last, if there are any; nothing is locked while they are shown.
    pub(super) fn each(&self, mut show: impl FnMut(&Meter)) {
        let mut last: Option<Arc<Meter>> = None;
        loop {
            let after = last.as_ref().map_or(Unbounded, |meter| Excluded(&meter.key));
            let all = lock(&self.all);
            let page = all.range::<Key, _>((after, Unbounded)).take(PAGE);
            let mut page: Vec<_> = page.map(|(_, meter)| Arc::clone(meter)).collect();
            drop(all);
            page.iter().for_each(|meter| show(meter));
            let Some(meter) = page.pop() else { break };
            last = Some(meter);
        }
        self.others.iter().filter(|meter| meter.is_used()).for_each(|meter| show(meter));
    }
}
