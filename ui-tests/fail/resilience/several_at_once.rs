use bus::{command, handler};

#[command]
#[derive(Clone)]
struct Pay;

#[handler(retry(max_retries = 0, jiter = full), circuit_breaker(failure_ratio = -1))]
async fn pay(_: Pay) -> bus::Result<()> {
    Ok(())
}

fn main() {}
