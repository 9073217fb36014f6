//! `.on_command` for an event.
use std::sync::Arc;

use bus::{Bus, OwnedContext, event};

#[event]
struct Imported;

fn open(bus: &Bus) {
    let _ = bus.session("job").on_command(|_: Arc<Imported>, _: OwnedContext| async {});
}

fn main() {}
