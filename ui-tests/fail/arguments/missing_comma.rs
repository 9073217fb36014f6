#[bus::command(output = u8 error = u8)]
pub struct Go;

fn main() {}
