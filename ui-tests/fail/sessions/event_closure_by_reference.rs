//! A closure shares the event: it cannot borrow it, as a `#[handler]` function can.
use bus::{Bus, OwnedContext, event};

#[event]
struct Imported;

fn open(bus: &Bus) {
    let _ = bus.session("job").on_event(|_: &Imported, _: OwnedContext| async {});
}

fn main() {}
