#[bus::event]
trait Went {}

fn main() {}
