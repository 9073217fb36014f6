use bus::prelude::*;
use bus::{Call, Handled, Middleware, Next, async_trait};

#[command]
struct Pay;

struct AtMost(#[allow(dead_code)] u32);
#[async_trait]
impl Middleware for AtMost {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        next.run(call).await
    }
}

#[handler(middleware = AtMost)]
async fn pay(_: Pay) -> bus::Result<()> {
    Ok(())
}

fn main() {}
