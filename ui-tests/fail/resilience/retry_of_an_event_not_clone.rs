//! As without `retry`: the event is shared, whether it is handled again or not.
use bus::{event, handler};

#[event]
struct Paid;

#[handler(retry)]
async fn paid(_: Paid) {}

fn main() {}
