pub struct Went;

#[bus::handler(concurrency = 4)]
async fn went(_: &Went) {}

fn main() {}
