#[bus::command(attempt_timeout = "0s")]
pub struct Pay;

fn main() {}
