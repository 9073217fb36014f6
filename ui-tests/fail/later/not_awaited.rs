#![deny(unused_must_use)]

#[bus::event]
pub struct Remind;

fn f(bus: bus::Bus) {
    bus.publish(Remind).after(std::time::Duration::from_secs(60));
}

fn main() {}
