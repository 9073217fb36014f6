#[bus::handler]
const GO: u8 = 1;

fn main() {}
