#[bus::command(circuit_breaker(failure_ratio = 50))]
pub struct Pay;

fn main() {}
