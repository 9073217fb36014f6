//! Listening: who hears of events without being a handler.
//!
//! [`listeners`] are told of an event when it leaves the queue, before its handlers begin, and whatever
//! becomes of these: [`subscription`] keeps what it hears in a buffer of its own, [`wait_for`] takes
//! the first that matches. Where nobody listens, that costs the look at one flag.

mod listeners;
mod subscription;
mod verbs;
mod wait_for;

pub(crate) use listeners::Listeners;
pub use subscription::Subscription;
pub use wait_for::{WaitError, WaitFor};
