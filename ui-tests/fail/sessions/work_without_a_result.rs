//! What the closure returns decides how the session ends.
use bus::Bus;

async fn run(bus: &Bus) {
    bus.with_session("job", async |session| {
        println!("{}", session.id());
    })
    .await;
}

fn main() {}
