//! `#[handler(blocking)]`: a plain function on the runtime's pool for blocking work.

use std::any::Any;

use tokio::runtime;
use tokio::task::JoinHandle;

use crate::context::{Context, OwnedContext};
use crate::handler::running::running;
use crate::handler::slot::{Begun, Called};
use crate::observe::spans;
use crate::pipeline::frame::{self, Handle, Lender};
use crate::resilience::ErrorClass;

/// The call of a function, and then its answer, whatever their types: so that a task is compiled once, and not for
/// each handler.
type Work = Box<dyn FnOnce(&Context) -> Box<dyn Any + Send> + Send>;
type Done = (Box<dyn Any + Send>, Option<ErrorClass>);

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
    let work: Work = Box::new(move |context| Box::new(call(input, context)));
    let task = spawn(runtime, OwnedContext::of(context), work);
    Begun::Running(running(answer(task, lender.handle())))
}

fn spawn(runtime: &runtime::Handle, context: OwnedContext, work: Work) -> JoinHandle<Done> {
    let span = spans::current();
    runtime.spawn_blocking(move || {
        let _entered = span.entered();
        let answer = frame::within(&context, || work(&context));
        (answer, context.class())
    })
}

async fn answer<O: 'static>(task: JoinHandle<Done>, call: Handle) -> Called<O> {
    match task.await {
        Ok((answer, class)) => {
            // The function had a context of its own.
            if let Some(class) = class {
                call.get().note_class(class);
            }
            match answer.downcast() {
                Ok(answer) => *answer,
                Err(_) => unreachable!("it is what the function has answered"),
            }
        }
        Err(ended) => match ended.try_into_panic() {
            // Goes on as if the function had run here: the runner catches it.
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down, and this future with it.
            Err(_) => std::future::pending().await,
        },
    }
}
