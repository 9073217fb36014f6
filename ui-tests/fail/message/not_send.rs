#[bus::event]
pub struct Went(*mut u8);

fn main() {}
