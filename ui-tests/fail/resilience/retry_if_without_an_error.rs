use bus::{event, handler};

#[event]
struct Paid;

fn is_transient(_: &bus::Error) -> bool {
    true
}

#[handler(retry, retry_if = is_transient)]
async fn paid(_: &Paid) {}

fn main() {}
