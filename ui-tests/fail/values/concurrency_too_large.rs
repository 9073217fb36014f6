#[bus::event]
pub struct Went;

#[bus::handler(concurrency = 5000000000)]
async fn went(_: &Went) {}

fn main() {}
