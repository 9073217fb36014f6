//! Opening gives a result.
use bus::{Bus, command};

#[command]
struct Import;

async fn run(bus: &Bus) -> bus::Result<()> {
    let session = bus.session("job").open().await;
    session.execute(Import).await?;
    Ok(())
}

fn main() {}
