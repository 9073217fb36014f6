#[bus::event]
pub struct Went;

#[bus::handler(priority = "high")]
async fn went(_: &Went) {}

fn main() {}
