//! A handler takes a session by value: it is a handle.
use bus::{Session, event, handler};

#[event]
struct Imported;

#[handler]
async fn note(_: &Imported, session: &Session) {
    println!("{}", session.id());
}

fn main() {}
