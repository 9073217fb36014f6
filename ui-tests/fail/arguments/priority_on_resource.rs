#[bus::resource(priority = 1)]
fn base() -> u8 {
    1
}

fn main() {}
