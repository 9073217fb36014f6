#[bus::resource]
fn base() {}

fn main() {}
