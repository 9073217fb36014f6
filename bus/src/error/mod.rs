//! What can go wrong: one error a door.

pub(crate) mod any;
mod classed;
pub(crate) mod command;
pub(crate) mod publish;
pub(crate) mod session;

pub use any::{Error, Result};
pub use command::{CancelledBy, CommandError, CommandErrorKind, CommandResult};
pub use publish::{HandlersFailed, PublishError, PublishErrorKind};
pub use session::SessionError;
