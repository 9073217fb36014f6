#[bus::event]
pub struct Went;

#[bus::handler(5)]
async fn went(_: &Went) {}

fn main() {}
