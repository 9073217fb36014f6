//! What is for handlers of events alone. `concurrency` limits the runs that the dispatcher starts, as
//! it can hold them back; those of a command are started by its callers. `filter` leaves events out;
//! a command has to be answered.

use crate::message::kind;

/// The key, as a type: what the compiler points at.
#[derive(Debug)]
pub struct Concurrency(());

/// The key limits handlers of `M`, whose kind is `K`.
#[diagnostic::on_unimplemented(
    message = "`concurrency` limits a handler of events, but `{M}` is a command, which runs in its caller's task",
    label = "remove `concurrency`",
    note = "to limit a command, let its handler take a permit of a `tokio::sync::Semaphore`, kept as a resource"
)]
pub trait Limits<K, M> {
    /// Named by the check that the macro emits beside the key.
    const CHECK: () = ();
}
impl<M> Limits<kind::Event, M> for Concurrency {}

/// The key `filter`, as a type.
#[derive(Debug)]
pub struct Filter(());

/// The key filters for handlers of `M`, whose kind is `K`.
#[diagnostic::on_unimplemented(
    message = "`filter` is for a handler of events, but `{M}` is a command, which has to be answered",
    label = "remove `filter`",
    note = "to refuse a command, return an error from its handler"
)]
pub trait FiltersEvents<K, M> {
    /// Named by the check that the macro emits beside the key.
    const CHECK: () = ();
}
impl<M> FiltersEvents<kind::Event, M> for Filter {}
