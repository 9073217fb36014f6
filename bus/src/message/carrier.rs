//! From what travels to what a handler's first parameter is written as: `M`, `&M` or `Arc<M>`.

use std::borrow::Borrow;
use std::sync::Arc;

use super::Message;
pub(crate) use super::keep::Lent;

/// A command is moved into its only handler.
#[derive(Debug)]
pub enum Moved<M> {
    /// It is the only one.
    Owned(M),
    /// It is kept for another attempt, and the handler takes a share, or borrows it.
    Shared(Arc<M>),
    /// It is kept for another attempt, and the handler borrows it.
    Lent(Lent<M>),
}
/// An event is shared by its handlers.
#[derive(Debug)]
pub struct Shared<M>(pub Arc<M>);

/// How a handler takes its message, and so what there has to be for another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// By value.
    Owned,
    /// As `&T`.
    Borrowed,
    /// As `Arc<T>`.
    Shared,
}

impl<M> Borrow<M> for Moved<M> {
    fn borrow(&self) -> &M {
        match self {
            Self::Owned(message) => message,
            Self::Shared(message) => message,
            Self::Lent(message) => message.borrow(),
        }
    }
}
impl<M> Borrow<M> for Shared<M> {
    fn borrow(&self) -> &M {
        &self.0
    }
}

/// How the message parameter of a handler is written: `M` or `Arc<M>`. A trait, and not syntax, so
/// that type aliases work; `&M` is syntax, see [`MessageRef`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a bus message",
    label = "the first parameter of a handler is the message it handles",
    note = "take a type annotated with `#[bus::command]` or `#[bus::event]`, by value or as `Arc<T>`; a `#[handler]` function may take `&T` too, a closure cannot"
)]
pub trait MessageOf {
    /// The message.
    type Message: Message;
    /// How it is taken.
    #[doc(hidden)]
    const TAKES: Takes;
}
#[diagnostic::do_not_recommend]
impl<M: Message> MessageOf for M {
    type Message = M;
    const TAKES: Takes = Takes::Owned;
}
#[diagnostic::do_not_recommend]
impl<M: Message> MessageOf for Arc<M> {
    type Message = M;
    const TAKES: Takes = Takes::Shared;
}

/// As [`MessageOf`], for a parameter written `&M`: only a message itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a bus message",
    label = "neither a command nor an event",
    note = "annotate the type with `#[bus::command]` or `#[bus::event]`"
)]
pub trait MessageRef {
    /// The message.
    type Message: Message;
}
#[diagnostic::do_not_recommend]
impl<M: Message> MessageRef for M {
    type Message = M;
}

/// Turns what travels into what the handler's first parameter is written as. Keyed on the carrier,
/// not bounded on the message: when the message is unknown because of a first error, this stays
/// ambiguous and the compiler stays silent.
#[diagnostic::on_unimplemented(
    message = "the event `{Self}` is shared by its handlers, so it cannot be moved into this one",
    label = "take `Arc<{Self}>`, or in a `#[handler]` function `&{Self}`",
    note = "or add `#[derive(Clone)]` to `{Self}`: each by-value handler then gets its own clone"
)]
pub trait TakeFrom<Carrier>: Sized {
    /// The handler's view of what travelled.
    fn take(carrier: Carrier) -> Self;
}
impl<M> TakeFrom<Moved<M>> for M {
    fn take(carrier: Moved<M>) -> M {
        match carrier {
            Moved::Owned(message) => message,
            Moved::Shared(_) | Moved::Lent(_) => {
                unreachable!("a command that is shared is not taken by value")
            }
        }
    }
}
impl<M> TakeFrom<Moved<M>> for Arc<M> {
    fn take(carrier: Moved<M>) -> Self {
        match carrier {
            Moved::Owned(message) => Arc::new(message),
            Moved::Shared(message) => message,
            Moved::Lent(_) => unreachable!("a command that is lent is only borrowed"),
        }
    }
}
#[diagnostic::do_not_recommend]
impl<M: CloneEvent> TakeFrom<Shared<M>> for M {
    fn take(carrier: Shared<M>) -> M {
        CloneEvent::clone_event(carrier.0)
    }
}
impl<M> TakeFrom<Shared<M>> for Arc<M> {
    fn take(carrier: Shared<M>) -> Self {
        carrier.0
    }
}

/// `Clone`, under a name that keeps the compiler's advice to what [`TakeFrom`] says.
pub trait CloneEvent: Sized {
    /// The event itself when nobody else holds it, else a clone.
    fn clone_event(this: Arc<Self>) -> Self;
}
impl<M: Clone> CloneEvent for M {
    fn clone_event(this: Arc<Self>) -> Self {
        Arc::unwrap_or_clone(this)
    }
}
