#[bus::event(crate = ::no_such_bus)]
pub struct Went;

fn main() {}
