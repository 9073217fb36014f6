pub struct Failed;
pub struct Base;

#[bus::resource]
fn base() -> Result<Base, Failed> {
    Err(Failed)
}

fn main() {}
