#![deny(unused_must_use)]
use std::sync::Arc;

use bus::BatchOutcome;

#[bus::event]
pub struct Paid;

fn write(_: &[Arc<Paid>]) -> BatchOutcome {
    BatchOutcome::all_ok()
}

#[bus::handler(batch = 100)]
async fn store(events: &[Arc<Paid>]) {
    write(events);
}

fn main() {}
