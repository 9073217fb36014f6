pub struct Went;

async fn f(bus: bus::Bus) {
    let _ = bus.try_publish(Went);
}

fn main() {}
