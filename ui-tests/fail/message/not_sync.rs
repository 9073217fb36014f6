#[bus::event]
pub struct Went(std::cell::Cell<u8>);

fn main() {}
