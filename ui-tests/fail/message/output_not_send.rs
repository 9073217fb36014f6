#[bus::command(output = *mut u8)]
pub struct Go;

fn main() {}
