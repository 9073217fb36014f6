//! What a middleware and a hook may look like.

use bus as renamed;
use bus::prelude::*;
use bus::{Call, Ended, Handled, HookCall, Layer, hook, middleware};

// The user's own, that generated code must not pick up.
#[allow(dead_code)]
struct Result;
#[allow(dead_code)]
struct Box;
#[allow(dead_code)]
struct Layers;

#[command(output = T)]
struct Put<T>(T);
#[handler]
async fn put(put: Put<u64>) -> bus::Result<u64> {
    Ok(put.0)
}
type Alias = Put<u64>;

#[middleware(on = Alias, per_attempt, priority = -3, name = "of an alias")]
pub(crate) async fn aliased(call: &mut Call<'_>, next: bus::Next) -> Handled {
    next.run(call).await
}
#[middleware(on = Put<u64>, crate = renamed)]
async fn r#type(call: &mut Call<'_>, next: bus::Next, _: Option<Session>, _: Bus) -> Handled {
    next.run(call).await
}
#[cfg(any())]
#[middleware]
async fn not_there(call: &mut Call<'_>, next: bus::Next) -> Handled {
    next.run(call).await
}
mod inner {
    use bus::{Call, Handled, Next, middleware};

    #[middleware(manual)]
    pub(crate) async fn manual<'a>(call: &'a mut Call<'_>, next: Next, cx: &bus::Context) -> Handled {
        let _ = cx.id();
        next.run(call).await
    }
}

#[handler(middleware = [inner::manual, bus::middleware::timing(), Layer::new(inner::manual {}).per_attempt()])]
fn other(_: &Changed) {}
#[event]
struct Changed;

#[hook]
fn before(_: &HookCall<'_>) {}
#[hook(on = Changed, priority = 7, name = "after")]
fn after<'a>(_: &HookCall<'a>, _: &Ended<'_>) {}

fn main() {
    assert!(Bus::builder().middleware(inner::manual {}).build().is_ok());
}
