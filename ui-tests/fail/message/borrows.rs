#[bus::event]
pub struct Went<'a>(&'a str);

fn main() {}
