#[bus::command(retry(failure_threshold = 5))]
pub struct Pay;

fn main() {}
