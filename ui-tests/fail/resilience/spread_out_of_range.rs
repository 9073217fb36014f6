#[bus::command(retry(jitter = spread(50)))]
pub struct Pay;

fn main() {}
