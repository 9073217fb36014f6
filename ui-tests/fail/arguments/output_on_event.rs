#[bus::event(output = u8)]
pub struct Went;

fn main() {}
