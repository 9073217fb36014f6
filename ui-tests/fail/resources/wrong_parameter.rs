pub struct Base;

#[bus::resource]
fn base(_: u8) -> Base {
    Base
}

fn main() {}
