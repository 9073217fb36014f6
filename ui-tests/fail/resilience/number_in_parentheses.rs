#[bus::command(retry(5))]
pub struct Pay;

fn main() {}
