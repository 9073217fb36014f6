#[bus::command(timeout = "250")]
pub struct Go;

fn main() {}
