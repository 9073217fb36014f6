//! A session that nobody keeps ends at once.
#![deny(unused_must_use)]

use bus::{Bus, SessionError};

async fn run(bus: &Bus) -> Result<(), SessionError> {
    bus.session("job").open().await?;
    Ok(())
}

fn main() {}
