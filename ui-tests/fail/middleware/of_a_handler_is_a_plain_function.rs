use bus::prelude::*;
use bus::{Call, Handled, Next};

#[command]
struct Pay;

async fn audit(call: &mut Call<'_>, next: Next) -> Handled {
    next.run(call).await
}

#[handler(middleware = audit)]
async fn pay(_: Pay) -> bus::Result<()> {
    Ok(())
}

fn main() { let _ = audit; }
