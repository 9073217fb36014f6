#[bus::command]
pub struct Go;

async fn f(bus: bus::Bus) {
    let _ = bus.execute(Go).await.timeout(std::time::Duration::from_secs(1));
}

fn main() {}
