use bus::{command, handler};

#[command]
#[derive(Clone)]
struct Pay;

#[handler(max_retries = 5)]
async fn pay(_: Pay) -> bus::Result<()> {
    Ok(())
}

fn main() {}
