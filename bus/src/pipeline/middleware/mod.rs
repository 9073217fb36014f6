//! Middleware: what wraps the call of a handler, for a command and for each (event, handler) pair.
//!
//! In: a handler's [`Layers`](layers::Layers) and its message, as a [`Source`](source::Source) that can
//! be called more than once. Out: the answer. [`around`] drives those of the place `outer`, with a
//! [run](super::run) of the handler in their middle; [`attempt`] those of the place `per_attempt`, which
//! are a part of that run.

mod answer;
pub(crate) mod around;
mod attempt;
mod call;
pub(crate) mod layers;
pub(crate) mod source;
pub(crate) mod stock;

use std::any::type_name;
use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use async_trait::async_trait;

pub use call::Call;
pub use layers::{IntoLayer, Layer};

use super::failure::panic_text;
use crate::handler::param::Requirements;
use crate::message::MessageInfo;

/// Wraps the call of a handler: around a command, and around **each** (event, handler) pair.
///
/// It calls `next`, once, more than once or not at all, and gives back what came of it, or an answer
/// of its own: see [`Call`]. The value that it has to return can only be had so, which is why none can
/// forget to answer.
///
/// The outermost comes first: the one with the highest priority; those registered at link time before
/// those given to [`Builder::middleware`](crate::Builder::middleware), in their order; a handler's own
/// last. All of them are *outer*: outside of the timeout of the handler, once a call. A
/// [`per_attempt`](Layer::per_attempt) one stands inside of the timeout and is itself a part of the run.
/// They are not put around the handlers of the bus's own events, unless it is said so by
/// [`on`](Layer::on).
///
/// A middleware that panics ends the call as one that rejects it; the others go on. It costs an
/// allocation for its future, and one for the call: what needs no future is a [`Hook`](crate::Hook).
///
/// `#[middleware]` makes one of an `async fn`, with injected resources, and
/// [`from_fn`](crate::middleware::from_fn) of a closure. Those that are ready to use are in
/// [`middleware`](mod@crate::middleware).
///
/// ```standalone_crate
/// use bus::{Bus, Call, Handled, Middleware, Next, async_trait, command, handler};
///
/// #[command(output = u32)]
/// struct Double(u32);
/// #[handler]
/// async fn double(command: Double) -> bus::Result<u32> { Ok(command.0 * 2) }
///
/// struct AtMost(u32);
///
/// #[async_trait]
/// impl Middleware for AtMost {
///     async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
///         match call.get::<Double>() {
///             Some(double) if double.0 > self.0 => call.reject("the number is too large"),
///             _ => next.run(call).await,
///         }
///     }
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let bus = Bus::builder().middleware(AtMost(10)).build()?;
///     assert_eq!(bus.execute(Double(4)).await?, 8);
///     let refused = bus.execute(Double(40)).await.unwrap_err().to_string();
///     assert!(refused.ends_with("AtMost: the number is too large"), "{refused}");
///     Ok(())
/// }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a middleware",
    label = "expected a type that implements `bus::Middleware`",
    note = "implement it with `#[bus::async_trait]`, or write `#[bus::middleware] async fn name(call: &mut Call<'_>, next: Next) -> Handled` and give `name {{}}`"
)]
pub trait Middleware: Send + Sync + 'static {
    /// Handles a call: `next.run(call).await` goes on towards the handler.
    ///
    /// # Cancel safety
    /// The future is dropped where the call is: by its caller, by the end of its session.
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled;

    /// Does it wrap the handlers of this message? Asked when a handler is registered, not at each call.
    fn concerns(&self, message: &MessageInfo) -> bool {
        let _ = message;
        true
    }

    /// Says what it will need, so that it is missed when the bus is built.
    fn require(&self, requirements: &mut Requirements) {
        let _ = requirements;
    }

    /// Where it is put, unless its user says so.
    #[doc(hidden)]
    fn placed(self) -> Layer
    where
        Self: Sized,
    {
        Layer::new(self)
    }

    /// The name in errors and descriptions: that of the type, unless it says otherwise.
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(type_name::<Self>())
    }
}

/// What comes after a middleware: the next one, or the handler.
#[derive(Debug, Clone, Copy)]
pub struct Next {
    at: usize,
}

/// The call was handled: by what came after a middleware, or by itself.
#[derive(Debug)]
#[must_use = "a middleware returns this"]
pub struct Handled(());

impl Next {
    const FIRST: Self = Self { at: 0 };

    /// Goes on. May be called again when it has resolved, if the message can be handled more than once:
    /// see [`Call::keep`].
    ///
    /// # Cancel safety
    /// Dropping the future ends the run of the handler. The call then has no answer until it is given
    /// one.
    pub async fn run(self, call: &mut Call<'_>) -> Handled {
        call.forget();
        let layers = call.layers();
        match layers.get(self.at) {
            None => call.run_handler().await,
            Some(layer) => {
                let mut inner = call.at(self.at);
                let next = Self { at: self.at + 1 };
                let caught = {
                    let handling = layer.middleware.handle(&mut inner, next);
                    caught(handling).await
                };
                inner.has_ended(caught);
            }
        }
        Handled(())
    }
}

/// Drives a middleware on. A panic is its text.
async fn caught(handling: impl Future<Output = Handled> + Unpin) -> Result<(), String> {
    let mut handling = Some(handling);
    let polled = poll_fn(|task| {
        let Some(future) = &mut handling else { return Poll::Ready(Ok(())) };
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(future).poll(task)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Handled(()))) => Poll::Ready(Ok(())),
            Err(panic) => Poll::Ready(Err(panic_text(&*panic))),
        }
    })
    .await;
    // Its destructors are a user's too.
    let dropped = catch_unwind(AssertUnwindSafe(|| handling = None));
    polled.and(dropped.map_err(|panic| panic_text(&*panic)))
}
