#[bus::event]
pub struct Went;

#[bus::handler(priority = 3000000000)]
async fn went(_: &Went) {}

fn main() {}
