//! What the record does not have: of that, an expectation that there is none would pass whatever happens.

use crate::message::MessageInfo;

/// An expectation of messages of this type would say nothing.
///
/// # Panics
/// With what says it instead.
#[track_caller]
pub(super) fn must_be_recorded(message: &MessageInfo) {
    let name = message.short_name();
    if message.is_own() {
        panic!(
            "the record has no {name}: it is an event of the bus's own, and tells of what the record has itself\n\
             `bus.expect_no_failure()`, `bus.expect_dead_letter::<M>()` of what it tells of, `bus.stats()` and \
             `bus.record()` say what has happened; a handler of {name} hears of it, and what that sends is recorded"
        );
    }
    if message.hears().is_some() {
        panic!(
            "no event is published as an {name}: that is how a handler takes events of all types\n\
             `bus.record()` has all events, and `expect_exactly!(bus)` says that there was none"
        );
    }
}
