#[bus::command(retry(initial_delay = "30s", max_delay = "10s"))]
pub struct Pay;

fn main() {}
