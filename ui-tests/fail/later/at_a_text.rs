#[bus::event]
pub struct Remind;

async fn f(bus: bus::Bus) {
    let _ = bus.publish(Remind).at("2026-12-24T18:00:00Z").await;
}

fn main() {}
