#[bus::event(name = went)]
pub struct Went;

fn main() {}
