//! What was seen to follow from what: messages that handlers have sent.

use std::collections::BTreeMap;

use crate::message::MessageInfo;
use crate::sync::{Mutex, lock};

/// Which messages have caused which, by name. There is one if the builder was told so.
#[derive(Default)]
pub(crate) struct Flow(Mutex<BTreeMap<Edge, &'static MessageInfo>>);

/// From a message to one that it has caused, by their names.
type Edge = (&'static str, &'static str);

impl Flow {
    pub(crate) fn saw(&self, from: &'static MessageInfo, to: &'static MessageInfo) {
        lock(&self.0).insert((from.name(), to.name()), to);
    }

    /// Sorted, each with what is known of the message that was caused.
    pub(super) fn all(&self) -> Vec<(Edge, &'static MessageInfo)> {
        lock(&self.0).iter().map(|(edge, to)| (*edge, *to)).collect()
    }
}
