#[bus::event]
pub struct Went;

#[bus::handler(priority)]
async fn went(_: &Went) {}

fn main() {}
