#[bus::command(name = "put")]
pub struct Put<T>(T);

fn main() {}
