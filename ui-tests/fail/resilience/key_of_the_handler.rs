use bus::{command, handler};

#[command]
#[derive(Clone)]
struct Pay;

#[handler(retry(max_retries = 5, attempt_timeout = "1s"))]
async fn pay(_: Pay) -> bus::Result<()> {
    Ok(())
}

fn main() {}
