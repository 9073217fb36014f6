#[bus::resource]
static BASE: u8 = 1;

fn main() {}
