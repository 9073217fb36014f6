#[bus::command(circuit_breaker(name = bank))]
pub struct Pay;

fn main() {}
