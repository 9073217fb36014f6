use std::sync::Arc;

#[bus::event]
pub struct Paid;

#[bus::handler]
async fn store(_: &[Arc<Paid>]) {}

fn main() {}
