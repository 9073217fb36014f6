#[bus::command(circuit_breaker(timeout_errors = 5))]
pub struct Pay;

fn main() {}
