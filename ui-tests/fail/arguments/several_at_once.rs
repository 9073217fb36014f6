#[bus::event]
pub struct Went;

#[bus::handler(prioritty = 5, timeout = 5, name = "")]
async fn went(_: &Went) {}

fn main() {}
