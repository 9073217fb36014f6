#[bus::command]
pub struct Go;

async fn f(bus: bus::Bus) {
    let _ = bus.publish(Go).await;
}

fn main() {}
