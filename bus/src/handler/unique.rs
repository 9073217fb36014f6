//! "Exactly one handler", as far as the compiler can see it. For each `#[handler] fn f` an
//! `impl HandledBy<f> for Message` is emitted; a bound with the type parameter left to inference
//! then fails when there is none (E0277) or more than one (E0283), across crates.

use crate::message::{Message, kind};

/// `C: HandledBy<H>`: the `#[handler]` whose marker type is `H`, in a crate that this one can see,
/// handles `C`.
#[diagnostic::on_unimplemented(
    message = "no `#[handler]` for `{Self}` in this crate or its dependencies",
    label = "this message has no handler",
    note = "write `#[bus::handler] async fn name(message: {Self}) -> ..`, or depend on the crate that has it and name it: `bus::link!(that_crate);`"
)]
pub trait HandledBy<H> {}

/// A command has exactly one handler, an event any number: the check that the macro emits for both.
pub trait Unique<M, H> {}
impl<M: HandledBy<H>, H, O, E> Unique<M, H> for kind::Command<O, E> {}
impl<M> Unique<M, ()> for kind::Event {}

/// The check behind `assert_one_handler!`.
pub const fn one_handler<C: HandledBy<H>, H>() {}

/// The check behind every `#[handler]`. Its name is part of the compiler's message.
pub const fn a_command_has_exactly_one_handler<M: Message, H>()
where
    M::Kind: Unique<M, H>,
{
}

/// Fails to compile unless each command named has exactly one `#[handler]` in this crate or its
/// dependencies. Write it once, in the binary.
///
/// ```standalone_crate
/// #[bus::command]
/// struct Ping;
///
/// #[bus::handler]
/// fn ping(_: Ping) -> bus::Result<()> { Ok(()) }
///
/// bus::assert_one_handler!(Ping);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! assert_one_handler {
    ($($command:ty),+ $(,)?) => {
        const _: () = { $( $crate::__private::one_handler::<$command, _>(); )+ };
    };
}

/// Names crates that hold handlers, so that they are linked.
///
/// Rust leaves a dependency out of the program when no code names it, and its handlers with it.
///
/// ```ignore
/// bus::link!(billing, shipping);
/// ```
#[macro_export]
macro_rules! link {
    ($($handler_crate:ident),+ $(,)?) => { $( use $handler_crate as _; )+ };
}
