//! What keeps a call within bounds. One idea a file.

pub(crate) mod timer;
