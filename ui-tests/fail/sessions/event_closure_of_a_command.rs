//! `.on_event` for a command.
use bus::{Bus, OwnedContext, command};

#[command]
struct Import;

fn open(bus: &Bus) {
    let _ = bus.session("job").on_event(|_: Import, _: OwnedContext| async {});
}

fn main() {}
