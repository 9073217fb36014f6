//! Order: whose turn it is.
//!
//! The events of a type that is `ordered` or has a `key` take a lane, and follow each other in it. A
//! lane is a line for each handler: a handler starts an event when it has ended with the one before,
//! whatever the others do. Where types share a lane (`stream`), those of another type wait until
//! all handlers have ended with what comes before.
//!
//! # Invariants
//!
//! * Places are taken by the dispatcher alone, event by event, before it starts the next: so they are
//!   in the order of the queue, for handlers of any priority.
//! * Where a lane is empty, a handler that is ready at once takes no place: nobody can come between.
//! * A lane that is empty is not there.

mod lane;
mod lanes;
mod turns;

pub(crate) use lanes::Lanes;
pub(crate) use turns::{Turn, Turns};
