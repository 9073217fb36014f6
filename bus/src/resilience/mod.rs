//! What keeps a call within bounds. One idea a file.

pub(crate) mod recent;
pub(crate) mod timer;
pub(crate) mod token_bucket;

pub use token_bucket::Rate;
