//! Who answers: a function (or closure) of one message type, what it may take and return.
//!
//! In: the carrier of a message ([`crate::message::carrier`]) and a [`Context`](crate::Context).
//! Out: the outcome of the message's kind. [`slot`] is the typed door that both go through.

pub(crate) mod batch;
pub(crate) mod closure;
pub(crate) mod emit;
pub(crate) mod failure;
pub(crate) mod limit;
pub(crate) mod param;
pub(crate) mod reply;
pub(crate) mod resource;
pub(crate) mod running;
pub(crate) mod slot;
pub(crate) mod unique;

pub use batch::BatchOutcome;
pub use emit::Emit;
pub use param::{Param, ParamError, Requirements};
pub use resource::Res;
pub use unique::HandledBy;
