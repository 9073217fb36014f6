#[bus::command(retry(max_retries = 5, max_retries = 6))]
pub struct Pay;

fn main() {}
