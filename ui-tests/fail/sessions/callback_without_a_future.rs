//! A callback may await: it returns a future.
use bus::Session;

fn start(session: &Session) {
    let _ = session.on_close(|| println!("closed"));
}

fn main() {}
