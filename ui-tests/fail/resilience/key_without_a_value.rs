#[bus::command(retry(max_retries))]
pub struct Pay;

fn main() {}
