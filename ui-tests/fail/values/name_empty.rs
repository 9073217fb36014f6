#[bus::event(name = "")]
pub struct Went;

fn main() {}
