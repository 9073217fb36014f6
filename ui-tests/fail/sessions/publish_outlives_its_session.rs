//! What is sent through a session borrows its handle until it is awaited.
use bus::{Bus, event};

#[event]
struct Imported;

async fn run(bus: &Bus) -> bus::Result<()> {
    let told = {
        let session = bus.session("job").open().await?;
        session.publish(Imported)
    };
    told.await?;
    Ok(())
}

fn main() {}
