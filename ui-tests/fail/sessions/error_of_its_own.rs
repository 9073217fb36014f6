//! Opening may fail too, so the error has to have room for that.
use bus::{Bus, Session};

#[derive(Debug, thiserror::Error)]
#[error("the file is broken")]
struct BadFile;

async fn import(_: Session) -> Result<(), BadFile> {
    Err(BadFile)
}

async fn run(bus: &Bus) -> Result<(), BadFile> {
    bus.with_session("job", import).await
}

fn main() {}
