#[bus::event]
pub struct Went;

#[bus::handler]
async fn went(_: Went) {}

fn main() {}
