//! Who is found: from what was registered to a table that a dispatch looks into.
//!
//! In: entries that the attributes submitted at link time ([`entry`]), and handlers registered at run
//! time ([`registration`]), on the bus or on a session. They go to a [`Registry`] ([`contract`],
//! [`simple`]), and what that lists is compiled ([`wired`]). Out: a [`Table`](table::Table) of
//! [`Plan`](plan::Plan)s, and a [`WiringReport`] of what was found and what is wrong with it.

pub(crate) mod contract;
pub(crate) mod entry;
mod error;
pub(crate) mod listens;
pub(crate) mod modules;
pub(crate) mod plan;
pub(crate) mod problem;
pub(crate) mod provide;
pub(crate) mod registration;
pub(crate) mod report;
mod simple;
pub(crate) mod table;
pub(crate) mod type_map;
pub(crate) mod wired;
pub(crate) mod wiring;

pub use contract::{HandlerId, RegisteredHandler, Registry, RegistryChanges, RegistryError};
pub use error::RegisterError;
pub use plan::HandlerInfo;
pub use problem::{BuildError, WiringProblem};
pub use registration::{HandlerOptions, Registration, ScopedRegistration};
pub use report::WiringReport;
pub use simple::SimpleRegistry;
