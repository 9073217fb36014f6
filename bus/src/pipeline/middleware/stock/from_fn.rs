//! A middleware made of a closure.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;

use crate::pipeline::middleware::{Call, Handled, Middleware, Next};

/// What a closure has to give, as it borrows the call: [`from_fn`].
pub type Handling<'a> = Pin<Box<dyn Future<Output = Handled> + Send + 'a>>;

/// A middleware made of a closure: [`from_fn`].
pub struct FromFn<F> {
    name: Cow<'static, str>,
    handle: F,
}

/// Makes a middleware of a closure that boxes its future, and of a name for it.
///
/// ```standalone_crate
/// use bus::{Bus, Layer, command, handler, middleware};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// #[command]
/// struct Work;
/// #[handler]
/// async fn work(_: Work) -> bus::Result<()> { Ok(()) }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let calls = Arc::new(AtomicU32::new(0));
///     let counted = Arc::clone(&calls);
///     let count = middleware::from_fn("count", move |call, next| {
///         counted.fetch_add(1, Ordering::Relaxed);
///         Box::pin(next.run(call))
///     });
///     let bus = Bus::builder().middleware(Layer::new(count).on::<Work>()).build()?;
///     bus.execute(Work).await?;
///     assert_eq!(calls.load(Ordering::Relaxed), 1);
///     Ok(())
/// }
/// ```
pub fn from_fn<F>(name: impl Into<Cow<'static, str>>, handle: F) -> FromFn<F>
where
    F: for<'a, 'c> Fn(&'a mut Call<'c>, Next) -> Handling<'a> + Send + Sync + 'static,
{
    FromFn { name: name.into(), handle }
}

#[async_trait]
impl<F> Middleware for FromFn<F>
where
    F: for<'a, 'c> Fn(&'a mut Call<'c>, Next) -> Handling<'a> + Send + Sync + 'static,
{
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        (self.handle)(call, next).await
    }

    fn name(&self) -> Cow<'static, str> {
        self.name.clone()
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FromFn({})", self.name)
    }
}
