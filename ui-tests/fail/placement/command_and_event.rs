#[bus::command]
#[bus::event]
pub struct Both;

fn main() {}
