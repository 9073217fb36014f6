//! Around a call: from a message and its handler to an outcome.
//!
//! In: a handler's [`Plan`](crate::registry::plan::Plan) and a message. Out: its outcome or a
//! [`Failure`](failure::Failure). [`command`] is the command's way, [`crate::event::delivery`] the
//! event's; both go through the one [`run`].

pub(crate) mod ambient;
pub(crate) mod announce;
pub(crate) mod at_once;
pub(crate) mod attempts;
pub(crate) mod blocking;
pub(crate) mod burial;
pub(crate) mod cancel;
pub(crate) mod command;
pub(crate) mod ended;
pub(crate) mod failure;
pub(crate) mod hook;
pub(crate) mod middleware;
pub(crate) mod options;
pub(crate) mod origin;
pub(crate) mod run;
pub(crate) mod traceparent;
mod tracestate;

#[cfg(not(feature = "no-unsafe"))]
pub(crate) mod frame;
#[cfg(feature = "no-unsafe")]
#[path = "frame_shared.rs"]
pub(crate) mod frame;

pub use command::execute::Execute;
pub use command::report::{CommandReport, Detailed};
pub use ended::{Ended, HandlerError};
pub use hook::{Hook, HookCall};
pub use middleware::{Call, Handled, IntoLayer, Layer, Middleware, Next};
pub use options::{Headers, Principal};
pub use traceparent::{BadTraceParent, TraceParent};
