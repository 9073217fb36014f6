//! What not every handler can be given. `filter` leaves events out; a command has to be answered. `retry`
//! needs the message once more.

use crate::message::kind;

/// The key `filter`, as a type: what the compiler points at.
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

/// The key `retry`, as a type.
#[derive(Debug)]
pub struct Retry(());

/// The key can be given to a handler that takes its message as `W`, by value, where its kind is `K`.
#[diagnostic::on_unimplemented(
    message = "`retry` calls the handler again with the same command, but `{W}` is taken by value and is not `Clone`",
    label = "there is no second `{W}` for another attempt",
    note = "add `#[derive(Clone)]` to `{W}`, or take it as `&{W}`"
)]
pub trait Retries<K, W> {
    /// Named by the check that the macro emits beside the key.
    const CHECK: () = ();
}
#[diagnostic::do_not_recommend]
impl<O, E, W: Clone> Retries<kind::Command<O, E>, W> for Retry {}
/// An event that is taken by value is `Clone` anyway.
impl<W> Retries<kind::Event, W> for Retry {}
