//! A session's resource is shared by handlers on several threads.
use std::cell::Cell;

use bus::Bus;

fn open(bus: &Bus) {
    let _ = bus.session("job").provide(Cell::new(0));
}

fn main() {}
