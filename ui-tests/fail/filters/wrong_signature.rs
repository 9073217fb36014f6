//! A filter sees any event: it is not one of the event that the handler takes.
use bus::{event, handler};

#[event]
struct Uploaded {
    bytes: usize,
}

fn is_large(event: &Uploaded) -> bool {
    event.bytes > 1_000
}

#[handler(filter = is_large)]
fn large(_: &Uploaded) {}

fn main() {}
