#[bus::event]
pub struct Paid;

#[bus::handler(batch = 100)]
async fn store(_: &[Paid]) {}

fn main() {}
