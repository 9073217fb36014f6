#[bus::command(error = Missing)]
pub struct Go;

fn main() {}
