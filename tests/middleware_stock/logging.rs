//! How each call has ended, in the log.

use std::sync::{Arc, Mutex};

use bus::Layer;
use bus::middleware;

use super::{Order, SECOND, bus, order};

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);
impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn logging_says_how_each_call_has_ended() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .without_time()
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let logging = Layer::new(middleware::logging().slow(2 * SECOND)).on::<Order>().priority(1);
    let slow = middleware::chaos().latency(0.5, 2 * SECOND..3 * SECOND).seed(1);
    let (bus, _) = bus(|builder| {
        builder
            .middleware(logging)
            .middleware(Layer::new(slow).on::<Order>())
            .middleware(middleware::validation())
    });
    bus.execute(order("")).await.unwrap_err();
    bus.execute(Order { item: "tea", count: 1, troubles: 1 }).await.unwrap_err();
    for _ in 0..20 {
        bus.execute(order("tea")).await.unwrap();
    }
    let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let count = |level: &str, text: &str| {
        said.lines().filter(|l| l.trim_start().starts_with(level) && l.contains(text)).count()
    };
    assert_eq!(count("INFO", "refused message_name=\"middleware_stock::Order\""), 1, "{said}");
    assert_eq!(count("ERROR", "not handled"), 1, "{said}");
    let (slow, quick) = (count("WARN", "handled slowly"), count("DEBUG", " handled m"));
    assert!(slow > 0 && quick > 0 && slow + quick == 20, "{slow} slow, {quick} quick: {said}");
}
