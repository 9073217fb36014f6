//! Who is found: from what was registered to a table that a dispatch looks into.
//!
//! In: entries that the attributes submitted at link time ([`entry`]), and handlers added at run time
//! ([`additions`]). Out: a [`Table`](table::Table) of [`Plan`](plan::Plan)s, and a
//! [`WiringReport`] of what was found and what is wrong with it.

pub(crate) mod additions;
pub(crate) mod entry;
pub(crate) mod plan;
pub(crate) mod problem;
pub(crate) mod provide;
pub(crate) mod report;
pub(crate) mod table;
pub(crate) mod type_map;
pub(crate) mod wiring;

pub use additions::{HandlerOptions, RegisterError, Registration, ScopedRegistration};
pub use plan::HandlerInfo;
pub use problem::{BuildError, WiringProblem};
pub use report::WiringReport;
