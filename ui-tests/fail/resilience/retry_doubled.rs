use bus::{command, handler};

#[command]
#[derive(Clone)]
struct Pay;

#[handler(retry, retry(max_retries = 5))]
async fn pay(_: Pay) -> bus::Result<()> {
    Ok(())
}

fn main() {}
