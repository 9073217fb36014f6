#![deny(unused_must_use)]

#[bus::event]
pub struct Paid(u64);

fn f(bus: bus::Bus) {
    bus.subscribe::<Paid>();
}

fn main() {}
