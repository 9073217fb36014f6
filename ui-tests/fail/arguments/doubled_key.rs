#[bus::event]
pub struct Went;

#[bus::handler(priority = 5, priority = 6)]
async fn went(_: &Went) {}

fn main() {}
