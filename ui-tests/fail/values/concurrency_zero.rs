#[bus::event]
pub struct Went;

#[bus::handler(concurrency = 0)]
async fn went(_: &Went) {}

fn main() {}
