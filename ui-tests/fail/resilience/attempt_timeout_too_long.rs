#[bus::command(timeout = "1s", attempt_timeout = "5s")]
pub struct Pay;

fn main() {}
