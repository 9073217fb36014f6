#[bus::command(timeout = "99999999999999999999h")]
pub struct Go;

fn main() {}
