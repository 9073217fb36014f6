#[bus::command(retry(jitter = full(0.5)))]
pub struct Pay;

fn main() {}
