#[bus::command]
type Go = u8;

fn main() {}
