use bus::{BatchOutcome, event, handler};
use std::sync::Arc;

#[event]
struct Paid;

fn is_transient(_: &bus::Error) -> bool {
    true
}

#[handler(batch = 10, retry_if = is_transient)]
async fn paid(_: &[Arc<Paid>]) -> BatchOutcome {
    BatchOutcome::all_ok()
}

fn main() {}
