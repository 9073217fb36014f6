//! tower's layers around handlers.

mod exchange;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use async_trait::async_trait;
use tower_layer::Layer as TowerLayer;
use tower_service::Service;

use crate::context::OwnedContext;
use crate::pipeline::ended::Ended;
use crate::pipeline::middleware::{Call, Handled, Middleware, Next};
use crate::registry::HandlerInfo;
use crate::sync::{Mutex, lock};
use exchange::{Exchange, Shared};

pub use exchange::Run as TowerRun;

/// tower's layers around handlers: [`tower`].
pub struct Tower<S> {
    service: Mutex<S>,
}

/// Puts a tower layer, or a `ServiceBuilder` stack of them, around the calls of handlers: concurrency
/// limits, timeouts, load shedding, retries. It is applied once; each call is made on a clone of the service
/// that it gives, so what is to be shared between calls has to be shared between clones, as it is in tower's
/// own layers. Feature `tower`.
///
/// The innermost service is [`TowerCalls`], whose requests are [`TowerCall`]s: it calls what comes after the
/// middleware. An error of a layer rejects the call with its text; that of the handler passes through, and
/// reaches the caller as it is, with its type. A layer that calls its service again calls the handler
/// again, if that is possible: see [`Call::keep`]. This is the lane that allocates.
///
/// ```standalone_crate
/// use bus::{Bus, Layer, command, handler, middleware};
/// use tower::limit::ConcurrencyLimitLayer;
///
/// #[command]
/// struct Render;
/// #[handler]
/// async fn render(_: &Render) -> bus::Result<()> { Ok(()) }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let four_at_once = middleware::tower(ConcurrencyLimitLayer::new(4));
///     let bus = Bus::builder().middleware(Layer::new(four_at_once).on::<Render>()).build()?;
///     bus.execute(Render).await?;
///     Ok(())
/// }
/// ```
pub fn tower<L>(layer: L) -> Tower<L::Service>
where
    L: TowerLayer<TowerCalls>,
{
    Tower { service: Mutex::new(layer.layer(TowerCalls(()))) }
}

/// The service inside of the layers: calls what comes after the middleware.
#[derive(Debug, Clone)]
pub struct TowerCalls(());

/// A call, as tower's layers see it. Cheap to clone.
#[derive(Clone)]
pub struct TowerCall(Arc<Shown>);

struct Shown {
    context: OwnedContext,
    handler: HandlerInfo,
    exchange: Shared,
}

impl TowerCall {
    /// What the handler sees: ids, headers, session, what is known of the message.
    #[must_use]
    pub fn context(&self) -> &OwnedContext {
        &self.0.context
    }

    /// The handler.
    #[must_use]
    pub fn handler(&self) -> &HandlerInfo {
        &self.0.handler
    }

    fn exchange(&self) -> &Exchange {
        &self.0.exchange
    }
}

/// The handler's call has not ended well.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct CallFailed(String);

impl CallFailed {
    fn overtaken() -> Self {
        Self("another run of the same call was begun".to_owned())
    }
}

impl Service<TowerCall> for TowerCalls {
    type Response = ();
    type Error = CallFailed;
    type Future = TowerRun;

    fn poll_ready(&mut self, _: &mut Task<'_>) -> Poll<Result<(), CallFailed>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, call: TowerCall) -> TowerRun {
        TowerRun::new(call)
    }
}

type BoxError = Box<dyn StdError + Send + Sync>;

#[async_trait]
impl<S> Middleware for Tower<S>
where
    S: Service<TowerCall, Response = ()> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + Send,
{
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let mut service = lock(&self.service).clone();
        if let Err(error) = poll_fn(|task| service.poll_ready(task)).await {
            return call.reject(text(error.into()));
        }
        // A layer may call again, and cannot say so before.
        let _ = call.keep();
        let exchange = Shared::default();
        let shown = Shown {
            context: call.context().to_owned(),
            handler: call.handler().clone(),
            exchange: Arc::clone(&exchange),
        };
        let mut outside = pin!(service.call(TowerCall(Arc::new(shown))));
        let mut handled = None;
        let result = loop {
            let step = poll_fn(|task| match outside.as_mut().poll(task) {
                Poll::Ready(result) => Poll::Ready(Err(result)),
                Poll::Pending => {
                    exchange.wanted(task).map_or(Poll::Pending, |run| Poll::Ready(Ok(run)))
                }
            });
            let run = match step.await {
                Ok(run) => run,
                Err(result) => break result,
            };
            let ended = {
                let mut running = pin!(next.run(call));
                poll_fn(|task| {
                    if let Poll::Ready(result) = outside.as_mut().poll(task) {
                        return Poll::Ready(Step::Left(result));
                    }
                    if exchange.wanted(task) != Some(run) {
                        return Poll::Ready(Step::Unwanted);
                    }
                    running.as_mut().poll(task).map(Step::Ended)
                })
                .await
            };
            match ended {
                Step::Left(result) => break result,
                Step::Unwanted => handled = None,
                Step::Ended(token) => {
                    handled = Some(token);
                    exchange.end(run, outcome(call));
                }
            }
        };
        conclude(call, handled, result.map_err(Into::into))
    }

    fn name(&self) -> Cow<'static, str> {
        "tower".into()
    }
}

enum Step<R> {
    /// The layers have come to a result of their own.
    Left(R),
    /// They have dropped the run.
    Unwanted,
    Ended(Handled),
}

fn outcome(call: &Call<'_>) -> Result<(), CallFailed> {
    match call.ended() {
        Some(Ended::Ok) => Ok(()),
        Some(ended) => Err(CallFailed(ended.to_string())),
        None => Err(CallFailed("there is no answer".to_owned())),
    }
}

/// From what the layers say to the answer of the call.
fn conclude(
    call: &mut Call<'_>,
    handled: Option<Handled>,
    result: Result<(), BoxError>,
) -> Handled {
    match (result, handled) {
        (Ok(()), Some(handled)) => handled,
        (Ok(()), None) => call.reject("a layer has answered without the handler"),
        // The handler's own error, or why it was not called, is in the call already.
        (Err(error), Some(handled)) if error.is::<CallFailed>() => handled,
        (Err(error), _) => call.reject(text(error)),
    }
}

/// The error and its sources.
fn text(error: BoxError) -> String {
    crate::error::Error::from_box(error).chain()
}

impl<S> fmt::Debug for Tower<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tower")
    }
}
impl fmt::Debug for TowerCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TowerCall({})", self.0.handler)
    }
}
