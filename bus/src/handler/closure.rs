//! Handlers that are registered at run time: closures and functions of a message and an
//! [`OwnedContext`].

use std::future::Future;
use std::sync::Arc;

use super::reply::IntoOutcome;
use super::running::running;
use super::slot::{Slot, SlotOf};
use crate::context::OwnedContext;
use crate::message::Message;
use crate::message::carrier::{MessageOf, TakeFrom};
use crate::message::kind::{Carrier, Outcome};

/// The slot of a closure that takes the message written as `A` (`M` or `Arc<M>`).
pub(crate) fn slot<A, F, Fut>(handler: F) -> SlotOf<A::Message>
where
    A: MessageOf + TakeFrom<Carrier<A::Message>> + Send + 'static,
    F: Fn(A, OwnedContext) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: IntoOutcome<<A::Message as Message>::Kind, Outcome = Outcome<A::Message>>,
    Carrier<A::Message>: Send,
{
    let handler = Arc::new(handler);
    Slot::Closure(Box::new(move |carrier, handle| {
        let handler = Arc::clone(&handler);
        running(async move {
            // Called here and not outside, so that its panic is the future's.
            let answer = handler(A::take(carrier), OwnedContext::of(handle.get())).await;
            Ok(answer.into_outcome())
        })
    }))
}
