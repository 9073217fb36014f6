//! A callback is made when the session ends: it is a closure.
use bus::Session;

fn start(session: &Session) {
    let _ = session.on_close(async { println!("closed") });
}

fn main() {}
