#[bus::command(retry(exponential_base = 0.5))]
pub struct Pay;

fn main() {}
