#[bus::event]
pub struct Went;

#[bus::handler]
async fn went(_: &Went) -> bus::Result<u32> {
    Ok(1)
}

fn main() {}
