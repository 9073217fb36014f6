//! A closure takes the context too, as its last parameter.
use std::sync::Arc;

use bus::{Bus, event};

#[event]
struct Imported;

fn open(bus: &Bus) {
    let _ = bus.session("job").on_event(|_: Arc<Imported>| async {});
}

fn main() {}
