#[bus::command(timeout = "5 minutes")]
pub struct Go;

fn main() {}
