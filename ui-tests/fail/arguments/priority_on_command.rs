#[bus::command(priority = 5)]
pub struct Go;

fn main() {}
