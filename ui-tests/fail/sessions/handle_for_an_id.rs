//! `.session(..)` on a call takes the id of a session, not its handle.
use bus::{Bus, Session, command};

#[command]
struct Import;

async fn run(bus: &Bus, session: &Session) {
    let _ = bus.execute(Import).session(session).await;
}

fn main() {}
