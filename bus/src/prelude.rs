//! What most modules that use the bus need: `use bus::prelude::*;`.

pub use crate::{
    Bus, Command, CommandError, CommandErrorKind, CommandResult, Context, Emit, Event, Message,
    MessageBus, OwnedContext, PublishError, Res, Session, SessionError, SessionId, WeakBus,
};
pub use crate::{command, event, filter, handler, handlers, resource};
