#[bus::event]
pub struct Paid(u64);

fn f(bus: bus::Bus) {
    let _paid = bus.wait_for(|paid: Paid| paid.0 == 7);
}

fn main() {}
