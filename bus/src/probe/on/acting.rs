//! Which handler sends what is sent.

use std::cell::RefCell;

use crate::core::Core;
use crate::registry::HandlerInfo;

thread_local! {
    /// The handler that this thread is polling, or whose effects it queues.
    static ACTOR: RefCell<Option<HandlerInfo>> = const { RefCell::new(None) };
}

/// The handler of a test bus that acts on this thread.
pub(crate) fn actor() -> Option<HandlerInfo> {
    ACTOR.try_with(|actor| actor.borrow().clone()).ok().flatten()
}

/// As long as this is there, a handler acts on this thread; then the one that did before.
pub(crate) struct Acting {
    is_tested: bool,
    former: Option<HandlerInfo>,
}

pub(crate) fn acting(core: &Core, handler: &HandlerInfo) -> Acting {
    let is_tested = core.settings.probe.is_some();
    let now = is_tested.then(|| handler.clone());
    let former = now.and_then(|now| ACTOR.with(|actor| actor.replace(Some(now))));
    Acting { is_tested, former }
}

impl Drop for Acting {
    fn drop(&mut self) {
        if self.is_tested {
            let former = self.former.take();
            let _ = ACTOR.try_with(|actor| actor.replace(former));
        }
    }
}
