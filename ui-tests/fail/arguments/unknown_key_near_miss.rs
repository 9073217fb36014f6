#[bus::event]
pub struct Went;

#[bus::handler(prioritty = 5)]
async fn went(_: &Went) {}

fn main() {}
