pub struct Paid;

fn f(bus: bus::Bus) {
    let _paid = bus.wait_for::<Paid>(|_| true);
}

fn main() {}
