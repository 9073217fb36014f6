//! A registry is a trait, and not just a place for handlers.
use bus::{Bus, RegisteredHandler};

struct Handlers(Vec<RegisteredHandler>);

fn build() {
    let _ = Bus::builder().registry(Handlers(Vec::new()));
}

fn main() {}
