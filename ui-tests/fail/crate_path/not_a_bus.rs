mod other {}

#[bus::event(crate = crate::other)]
pub struct Went;

fn main() {}
