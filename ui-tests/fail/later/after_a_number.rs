#[bus::event]
pub struct Remind;

async fn f(bus: bus::Bus) {
    let _ = bus.publish(Remind).after(60).await;
}

fn main() {}
