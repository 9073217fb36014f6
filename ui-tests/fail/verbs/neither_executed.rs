pub struct Go;

async fn f(bus: bus::Bus) {
    let _ = bus.execute(Go).await;
}

fn main() {}
