//! Handlers of another crate's messages, in private modules.

mod inner {
    use std::sync::atomic::{AtomicU32, Ordering};

    use bus::{Emit, Res, handler, resource};
    use crates_messages::{Double, Doubled};

    /// How much was doubled.
    #[derive(Debug, Default)]
    pub struct Seen(pub AtomicU32);

    #[resource]
    fn seen() -> Seen {
        Seen::default()
    }

    #[handler]
    fn double(command: &Double, emit: Emit<Doubled>) -> bus::Result<u32> {
        emit.send(Doubled(command.0 * 2));
        Ok(command.0 * 2)
    }

    #[handler]
    async fn doubled(event: &Doubled, seen: &Res<Seen>) {
        seen.0.fetch_add(event.0, Ordering::SeqCst);
    }
}

pub use inner::Seen;
