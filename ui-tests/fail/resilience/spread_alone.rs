#[bus::command(retry(jitter = spread))]
pub struct Pay;

fn main() {}
