#[bus::command(kind = remove)]
pub struct Go;

fn main() {}
