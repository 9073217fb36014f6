#[bus::command]
#[bus::command]
pub struct Go;

fn main() {}
