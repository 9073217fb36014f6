#[bus::resource]
async fn base() -> u8 {
    1
}

fn main() {}
