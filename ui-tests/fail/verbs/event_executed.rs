#[bus::event]
pub struct Went;

async fn f(bus: bus::Bus) {
    let _ = bus.execute(Went).await;
}

fn main() {}
