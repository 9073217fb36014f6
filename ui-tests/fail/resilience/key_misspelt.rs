#[bus::command(retry(max_retrys = 5))]
pub struct Pay;

fn main() {}
