#[bus::command(kind = domain)]
pub struct Go;

fn main() {}
