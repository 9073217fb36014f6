#[bus::command(retry(jitter = ful))]
pub struct Pay;

fn main() {}
