#[bus::event]
pub struct Remind;

async fn f(bus: bus::Bus) {
    let minute = std::time::Duration::from_secs(60);
    let _ = bus.publish(Remind).after(minute).and_wait().await;
}

fn main() {}
