#[bus::command]
pub struct Go;

bus::assert_one_handler!(Go);

fn main() {}
