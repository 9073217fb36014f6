#[bus::event]
pub struct Paid(u64);

async fn f(bus: bus::Bus, order: u64) {
    let _ = bus.wait_for::<Paid>(|paid| paid.0 == order).await;
}

fn main() {}
