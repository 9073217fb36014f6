#[bus::event]
pub struct Went;

#[bus::handler(priority = 1.5)]
async fn went(_: &Went) {}

fn main() {}
