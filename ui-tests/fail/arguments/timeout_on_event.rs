#[bus::event(timeout = "5s")]
pub struct Went;

fn main() {}
