//! Who is in scope: sessions, which have handlers of their own and leave nothing behind.
//!
//! In: a name and handlers ([`opening`]). Out: a [`SessionReport`] ([`end`]), when all that was in
//! flight in it has ended. In between a session is a [`Scope`]: its messages carry it, handlers are
//! looked up in it first, and whatever is inside is counted at its [`gate`].

mod callbacks;
mod closure;
mod end;
mod gate;
mod guard;
mod handle;
mod id;
mod member;
mod of_bus;
mod opening;
mod registering;
mod report;
mod scope;
mod sessions;
mod task;

pub use closure::WorkError;
pub use guard::SessionGuard;
pub use handle::Session;
pub(crate) use id::IntoSessionId;
pub use id::{SessionId, SessionName};
pub(crate) use member::{InSession, Member, Owned};
pub use opening::SessionBuilder;
pub use report::{SessionInfo, SessionReport};
pub(crate) use scope::Scope;
pub(crate) use sessions::Sessions;
