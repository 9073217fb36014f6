#[bus::command(circuit_breaker(failure_threshold = 0))]
pub struct Pay;

fn main() {}
