#[bus::event(version = 0)]
pub struct Went;

fn main() {}
