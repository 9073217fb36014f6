//! A session is named by text.
use bus::Bus;

async fn open(bus: &Bus, job: u64) {
    let _ = bus.session(job).open().await;
}

fn main() {}
