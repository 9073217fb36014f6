#[bus::command(output = 5)]
pub struct Go;

fn main() {}
