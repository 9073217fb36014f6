#[bus::command(timeout = "0s")]
pub struct Go;

fn main() {}
