use bus::prelude::*;

#[command]
struct Pay;

#[handler(middleware = "audit")]
async fn pay(_: Pay) -> bus::Result<()> {
    Ok(())
}

fn main() {}
