#[bus::event]
pub struct Went;

#[bus::handler(crate = ::no_such_bus)]
async fn went(_: &Went) {}

fn main() {}
