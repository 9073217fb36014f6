#[bus::resource]
fn base() -> impl Send {
    1_u8
}

fn main() {}
