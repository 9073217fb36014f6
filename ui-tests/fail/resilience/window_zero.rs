#[bus::command(circuit_breaker(window_size = "0s"))]
pub struct Pay;

fn main() {}
