#[bus::command(concurrency = 4)]
pub struct Go;

fn main() {}
