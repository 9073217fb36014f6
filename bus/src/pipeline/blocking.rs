//! `#[handler(blocking)]`: a plain function on the runtime's pool for blocking work.

use crate::context::{Context, OwnedContext};
use crate::handler::running::running;
use crate::handler::slot::{Begun, Called};
use crate::observe::spans;
use crate::pipeline::frame::{self, Lender};

/// Starts the function on the pool. Where there is no runtime, it runs where the caller is.
///
/// The pool cannot interrupt a function: when the call is dropped or times out, it runs on to its
/// end, sees [`Context::is_cancelled`], and what it emits is discarded.
pub(crate) fn begin<I: Send + 'static, O: Send + 'static>(
    call: fn(I, &Context) -> Called<O>,
    input: I,
    lender: &Lender<'_>,
) -> Begun<O> {
    let context = lender.context();
    let Some(runtime) = context.core().runtime.handle() else {
        return Begun::Done(call(input, context));
    };
    let context = OwnedContext::of(context);
    let span = spans::current();
    let work = move || {
        let _entered = span.entered();
        let answer = frame::within(&context, || call(input, &context));
        (answer, context.class())
    };
    let task = runtime.spawn_blocking(work);
    let call = lender.handle();
    Begun::Running(running(async move {
        match task.await {
            Ok((answer, class)) => {
                // The function had a context of its own.
                if let Some(class) = class {
                    call.get().note_class(class);
                }
                answer
            }
            Err(ended) => match ended.try_into_panic() {
                // Goes on as if the function had run here: the runner catches it.
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is going down, and this future with it.
                Err(_) => std::future::pending().await,
            },
        }
    }))
}
