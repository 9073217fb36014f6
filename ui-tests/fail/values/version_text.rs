#[bus::event(version = "2")]
pub struct Went;

fn main() {}
