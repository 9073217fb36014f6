#[bus::command(circuit_breaker(success_threshold = 0))]
pub struct Pay;

fn main() {}
