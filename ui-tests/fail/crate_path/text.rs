#[bus::event(crate = "bus")]
pub struct Went;

fn main() {}
