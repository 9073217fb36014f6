#[bus::command(retry(jitter = "full"))]
pub struct Pay;

fn main() {}
