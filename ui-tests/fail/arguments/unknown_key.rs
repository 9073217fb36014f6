#[bus::event]
pub struct Went;

#[bus::handler(colour = "red")]
async fn went(_: &Went) {}

fn main() {}
