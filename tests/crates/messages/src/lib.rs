//! Messages that are handled in another crate.

/// Answered in `crates-answers`.
#[bus::command(output = u32)]
#[derive(Debug)]
pub struct Double(pub u32);

/// Answered by nobody.
#[bus::command]
#[derive(Debug)]
pub struct Unanswered;

/// Heard in `crates-answers`.
#[bus::event]
#[derive(Debug)]
pub struct Doubled(pub u32);
