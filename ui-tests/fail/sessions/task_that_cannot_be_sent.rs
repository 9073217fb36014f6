//! A task may run on another thread.
use std::rc::Rc;

use bus::Session;

fn start(session: &Session) {
    let count = Rc::new(0);
    let _ = session.spawn(async move {
        tokio::task::yield_now().await;
        println!("{count}");
    });
}

fn main() {}
