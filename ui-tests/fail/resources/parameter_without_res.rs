pub struct Db;
pub struct Base;

#[bus::resource]
fn base(_: &Db) -> Base {
    Base
}

fn main() {}
