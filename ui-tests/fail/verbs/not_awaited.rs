#![deny(unused_must_use)]

#[bus::command]
pub struct Go;

async fn f(bus: bus::Bus) {
    bus.execute(Go);
}

fn main() {}
