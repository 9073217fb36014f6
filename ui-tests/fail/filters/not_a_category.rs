//! `AnyEvent` hears categories; one type of event is taken as it is.
use bus::{AnyEvent, event, handler};

#[event]
struct Uploaded;

#[handler]
fn heard(_: &AnyEvent<Uploaded>) {}

fn main() {}
