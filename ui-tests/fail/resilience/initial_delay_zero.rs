#[bus::command(retry(initial_delay = "0ms"))]
pub struct Pay;

fn main() {}
