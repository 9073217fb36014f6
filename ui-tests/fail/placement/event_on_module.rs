#[bus::event]
mod went {}

fn main() {}
