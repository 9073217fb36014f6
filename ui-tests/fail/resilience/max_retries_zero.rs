#[bus::command(retry(max_retries = 0))]
pub struct Pay;

fn main() {}
