#[bus::command(retry(initial_delay = 50))]
pub struct Pay;

fn main() {}
