#[bus::event]
pub struct Went;

#[bus::handler]
async fn went(_: &Went) -> u32 {
    1
}

fn main() {}
