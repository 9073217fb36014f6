#[bus::handler]
#[bus::resource]
fn go() -> u8 {
    1
}

fn main() {}
