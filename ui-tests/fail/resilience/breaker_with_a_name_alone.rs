use bus::{command, handler};

#[command]
#[derive(Clone)]
struct Pay;

#[handler(circuit_breaker = "bank")]
async fn pay(_: Pay) -> bus::Result<()> {
    Ok(())
}

fn main() {}
