//! The registry, in a bus of its own for each test: nothing else makes a `RegisteredHandler`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use bus::{Bus, HandlerOptions, OwnedContext, RegisterError, Registration, event};
use rusqlite::Connection;

use super::SqliteRegistry;
use super::listing::State;

#[event]
struct Rang;

/// A file, deleted with what SQLite puts beside it.
struct TempFile(PathBuf);

impl TempFile {
    fn new(test: &str) -> Self {
        let name = format!("custom-registry-{}-{test}.sqlite", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        file.delete();
        file
    }

    fn delete(&self) {
        for end in ["", "-journal"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.0.display()));
        }
    }

    /// A bus without handlers, with a registry on this file.
    fn bus(&self) -> (Bus, Arc<SqliteRegistry>) {
        let registry = Arc::new(SqliteRegistry::open(&self.0).unwrap());
        let bus = Bus::builder().without_registered().registry(Arc::clone(&registry));
        (bus.build().unwrap(), registry)
    }

    /// What somebody else does to the file.
    fn change(&self, sql: &str) {
        Connection::open(&self.0).unwrap().execute_batch(sql).unwrap();
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        self.delete();
    }
}

/// A handler that counts, of the bus.
fn counter(
    bus: &Bus,
    name: &'static str,
    runs: &Arc<AtomicU32>,
) -> Result<Registration, RegisterError> {
    let runs = Arc::clone(runs);
    let options = HandlerOptions::new().name(name);
    bus.register_event_handler_with(options, move |_: Arc<Rang>, _: OwnedContext| {
        runs.fetch_add(1, Relaxed);
        async {}
    })
}

async fn ring(bus: &Bus) {
    bus.publish(Rang).and_wait().await.unwrap().into_result().unwrap();
}

/// Name and state of each row.
fn states(registry: &SqliteRegistry) -> Vec<(String, State)> {
    let rows = registry.list().unwrap().into_iter();
    rows.map(|listed| (listed.row.name, listed.state)).collect()
}

#[tokio::test]
async fn a_known_handler_keeps_since_and_enabled_and_the_rest_is_updated() {
    let (file, runs) = (TempFile::new("keeps"), Arc::default());
    let (bus, _) = file.bus();
    counter(&bus, "bell", &runs).unwrap();
    ring(&bus).await;
    assert_eq!(runs.load(Relaxed), 1, "a new one is enabled");
    bus.shutdown().await;
    file.change(
        "UPDATE handlers SET since = 'long ago', enabled = 0, place = 'old.rs:1', message = 'Old'",
    );

    let (bus, registry) = file.bus();
    counter(&bus, "bell", &runs).unwrap();
    ring(&bus).await;
    assert_eq!(runs.load(Relaxed), 1, "a disabled one is not called");
    let rows = registry.list().unwrap();
    let [bell] = &*rows else { panic!("one row: {rows:?}") };
    assert_eq!((&*bell.row.since, bell.state), ("long ago", State::Disabled));
    assert!(bell.row.place.contains("tests.rs:"), "{bell}");
    assert!(bell.row.message.ends_with("::Rang"), "{bell}");
}

#[tokio::test]
async fn what_is_disabled_and_enabled_reaches_a_running_bus_at_once() {
    let (file, runs, other) = (TempFile::new("at-once"), Arc::default(), Arc::default());
    let (bus, registry) = file.bus();
    counter(&bus, "bell", &runs).unwrap();
    counter(&bus, "other", &other).unwrap();
    ring(&bus).await;
    assert_eq!(registry.disable("bell").unwrap(), "bell");
    ring(&bus).await;
    assert_eq!((runs.load(Relaxed), other.load(Relaxed)), (1, 2));
    registry.enable("bell").unwrap();
    ring(&bus).await;
    assert_eq!((runs.load(Relaxed), other.load(Relaxed)), (2, 3));
    assert_eq!(registry.disable("gong").unwrap_err().to_string(), {
        "no handler is named `gong`: see `list`"
    });
}

#[tokio::test]
async fn a_session_is_told_as_the_bus_is_and_its_end_deletes_its_rows_alone() {
    let (file, runs) = (TempFile::new("session"), Arc::<AtomicU32>::default());
    let (bus, registry) = file.bus();
    counter(&bus, "bell", &runs).unwrap();
    let mine = Arc::<AtomicU32>::default();
    let counts = Arc::clone(&mine);
    let session = bus.session("job").on_event(move |_: Arc<Rang>, _: OwnedContext| {
        counts.fetch_add(1, Relaxed);
        async {}
    });
    let session = session.open().await.unwrap();
    registry.disable("closure").unwrap();
    session.publish(Rang).and_wait().await.unwrap();
    assert_eq!((runs.load(Relaxed), mine.load(Relaxed)), (1, 0));
    let (bell, closure) = ("bell".to_owned(), "closure".to_owned());
    assert_eq!(
        states(&registry),
        [(bell.clone(), State::Enabled), (closure.clone(), State::Disabled)]
    );
    // Another process sees the row, and that it is not its own.
    let seen = states(&SqliteRegistry::open(&file.0).unwrap());
    assert_eq!(seen, [(bell.clone(), State::Gone), (closure, State::Elsewhere)]);

    assert!(session.close().await.is_clean());
    assert_eq!(states(&registry), [(bell, State::Enabled)]);
    assert_eq!(registry.take_errors(), []);
}

#[tokio::test]
async fn a_handler_of_the_bus_that_is_unregistered_is_gone_and_stays_disabled() {
    let (file, runs) = (TempFile::new("gone"), Arc::default());
    let (bus, registry) = file.bus();
    let bell = counter(&bus, "bell", &runs).unwrap();
    registry.disable("bell").unwrap();
    assert!(bell.unregister());
    assert!(!bell.unregister(), "it was there once");
    assert_eq!(states(&registry), [("bell".to_owned(), State::Gone)]);
    counter(&bus, "bell", &runs).unwrap();
    assert_eq!(states(&registry), [("bell".to_owned(), State::Disabled)]);
    ring(&bus).await;
    assert_eq!(runs.load(Relaxed), 0);
}

#[tokio::test]
async fn what_sqlite_says_becomes_a_refusal_or_is_noted_and_the_bus_goes_on() {
    let (file, runs) = (TempFile::new("errors"), Arc::default());
    let (bus, registry) = file.bus();
    counter(&bus, "bell", &runs).unwrap();
    let gong = counter(&bus, "gong", &runs).unwrap();
    file.change("DROP TABLE handlers");
    let refused = counter(&bus, "other", &runs).unwrap_err().to_string();
    let reason = format!("{}: no such table: handlers", file.0.display());
    assert!(refused.contains(&reason), "{refused}");
    assert!(registry.disable("bell").unwrap_err().to_string().contains(&reason));
    assert!(registry.list().is_err());
    assert!(gong.unregister());
    ring(&bus).await;
    assert_eq!(runs.load(Relaxed), 1, "without the file it is as it was last: bell is called");
    assert_eq!(registry.take_errors(), [], "everybody was told");
}

#[tokio::test]
async fn two_handlers_cannot_share_a_row() {
    let (file, runs) = (TempFile::new("twice"), Arc::default());
    let (bus, registry) = file.bus();
    counter(&bus, "bell", &runs).unwrap();
    let refused = counter(&bus, "bell", &runs).unwrap_err().to_string();
    assert!(refused.contains("its name `bell` is that of handler `bell` at "), "{refused}");
    assert_eq!(states(&registry), [("bell".to_owned(), State::Enabled)]);
    counter(&bus, "yard::bell", &runs).unwrap();
    counter(&bus, "tower::gong", &runs).unwrap();
    counter(&bus, "town::gong", &runs).unwrap();
    assert_eq!(registry.disable("bell").unwrap(), "bell", "a whole name is no part of another");
    assert_eq!(registry.disable("l").unwrap_err().to_string(), {
        "no handler is named `l`: see `list`"
    });
    let which = registry.disable("gong").unwrap_err().to_string();
    assert_eq!(which, "`gong` may be any of tower::gong, town::gong: say which");
}
