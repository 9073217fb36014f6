//! Who drives a future waits for what that does: it must not wait for the bus that it is driven by.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;

use crate::probe::Tracker;

type Place = &'static Location<'static>;

thread_local! {
    /// The buses that drive a future on this thread, and who has asked each to. A bus is known by where its tracker is.
    static DRIVEN: RefCell<Vec<(usize, Place)>> = const { RefCell::new(Vec::new()) };
}

/// As long as this is there, a bus drives what is polled on this thread.
struct Driving;

impl Drop for Driving {
    fn drop(&mut self) {
        let _ = DRIVEN.try_with(|driven| driven.borrow_mut().pop());
    }
}

fn number(tracker: &Arc<Tracker>) -> usize {
    Arc::as_ptr(tracker).addr()
}

/// The future, in the hands of a bus.
pub(super) async fn driven<F: Future>(
    tracker: &Arc<Tracker>,
    caller: Place,
    mut future: Pin<&mut F>,
) -> F::Output {
    poll_fn(|task| {
        DRIVEN.with(|driven| driven.borrow_mut().push((number(tracker), caller)));
        let _driving = Driving;
        future.as_mut().poll(task)
    })
    .await
}

/// It is about to be waited until nothing goes on on this bus.
///
/// # Panics
/// When the bus drives whoever would wait: that goes on until he has waited.
pub(super) fn must_not_be_driven(tracker: &Arc<Tracker>, caller: Option<Place>) {
    let by = DRIVEN.try_with(|driven| {
        let is_it = |(bus, _): &&(usize, Place)| *bus == number(tracker);
        driven.borrow().iter().find(is_it).map(|(_, place)| *place)
    });
    let Ok(Some(place)) = by else { return };
    let at = caller.map_or_else(String::new, |caller| format!("\nat {caller}"));
    panic!(
        "inside of what `run` drives, the bus is waited for: `settle`, `advance`, `run` and chains would wait for the very \
         future that awaits them\n\
         in there, await the work alone, as the clock is moved anyway; wait for the bus when `run` has ended\n\
         driven at {place}{at}"
    );
}
