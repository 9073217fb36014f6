pub struct Base(std::cell::Cell<u8>);

#[bus::resource]
fn base() -> Base {
    Base(1.into())
}

fn main() {}
