//! A command's way: asked for, admitted, called, concluded.
//!
//! [`execute`] is the future with its options, whose flow [`crate::bus`] tells: [`admission`] finds the handler, [`drive`]
//! calls it, [`conclusion`] makes a reply of what has come out.

pub(crate) mod admission;
pub(crate) mod called;
pub(crate) mod conclusion;
pub(crate) mod drive;
pub(crate) mod execute;
pub(crate) mod report;
pub(crate) mod request;

pub(crate) type Reply<O, E> = Result<O, crate::error::CommandError<E>>;
