#[bus::command(reply = u8)]
pub struct Go;

fn main() {}
