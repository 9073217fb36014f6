#[bus::command(retry(max_retries = -1))]
pub struct Pay;

fn main() {}
