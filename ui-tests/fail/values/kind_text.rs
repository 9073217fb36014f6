#[bus::event(kind = "domain")]
pub struct Went;

fn main() {}
