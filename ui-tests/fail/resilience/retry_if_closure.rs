use bus::{command, handler};

#[command]
#[derive(Clone)]
struct Pay;

#[handler(retry_if = |error| true)]
async fn pay(_: Pay) -> bus::Result<()> {
    Ok(())
}

fn main() {}
