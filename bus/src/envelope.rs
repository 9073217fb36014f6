//! An event on its way through the queue, its type forgotten.

use std::sync::Arc;

use crate::message::kind::AnyEvent;
use crate::message::{MessageId, MessageInfo};
use crate::pipeline::options::Head;
use crate::pipeline::origin::Origin;

/// All that the dispatcher needs to deliver an event.
pub(crate) struct Envelope {
    pub(crate) id: MessageId,
    pub(crate) info: &'static MessageInfo,
    pub(crate) event: AnyEvent,
    /// The message whose handler sent it.
    pub(crate) origin: Option<Arc<Origin>>,
    pub(crate) head: Option<Arc<Head>>,
    /// The bus's own, not the user's traffic.
    pub(crate) lifecycle: bool,
}
