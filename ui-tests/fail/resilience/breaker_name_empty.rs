#[bus::command(circuit_breaker(name = ""))]
pub struct Pay;

fn main() {}
