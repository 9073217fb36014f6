//! A task may outlive the function that starts it.
use bus::Session;

fn start(session: &Session, name: &str) {
    let _ = session.spawn(async move { println!("{name}") });
}

fn main() {}
