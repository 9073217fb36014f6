//! Probes: what a test bus has to know of the bus's own tasks and of the users' code in them, to say for
//! sure when nothing goes on. Without the feature `testing`, and on any bus that is not a test bus, they do nothing.
//!
//! * A [`task`] of the bus, or a command that is driven by a task of the user's ([`Caller`]), is *runnable*
//!   from the moment it is woken until it was polled.
//!   So is whoever is [`Busy`]: he waits for what nobody hears of, and what never takes long.
//! * A [`Watch`] stands around the future of a handler or a middleware. What is pending there *waits for
//!   something real*, unless it holds a [`Rest`]: then it waits for the clock or for the bus, and whatever
//!   that is has a probe of its own.
//! * What is sent while a handler is [`acting`] on this thread is sent by it.

#[cfg(not(feature = "testing"))]
mod off;
#[cfg(feature = "testing")]
mod on;

#[cfg(not(feature = "testing"))]
pub(crate) use off::{Busy, Caller, Rest, Watch, acting, delays, task};
#[cfg(feature = "testing")]
pub(crate) use on::{Busy, Caller, Rest, Tracker, Waits, Watch, acting, actor, delays, task};

use std::time::Duration;

use crate::context::Context;
use crate::message::{MessageId, MessageInfo};

/// How long it is waited before each retry.
pub(crate) type Delays = Box<dyn Iterator<Item = Duration> + Send>;

/// The message that is handled, and for the how many-th time.
pub(crate) type Who = (&'static MessageInfo, MessageId, u32);

#[inline]
pub(crate) fn who(context: &Context) -> Who {
    (context.message(), context.id(), context.attempt())
}
