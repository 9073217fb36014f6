//! The record: what has happened on a test bus, as an observer was told it.
//!
//! An [`entry`] is something that has happened, its [`step`] says what; [`value`] shows its message, [`tree`] all of them. The
//! [`recorder`] writes them down.

mod entry;
mod recorder;
mod step;
mod tree;
mod value;

pub use entry::Entry;
pub(super) use recorder::Recorder;
pub use step::Step;
