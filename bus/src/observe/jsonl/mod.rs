//! An observer that writes a file of JSON lines, on a thread of its own.
//!
//! [`line`] makes a line of a happening, with what is its [`own`], on the thread where it happens; [`buffer`] hands it over as an [`entry`],
//! without waiting, and [`flushes`] are told of what was lost; [`writer`] runs on the thread, [`file`] is what it writes
//! to, and [`rotation`] which one that is.

mod buffer;
mod entry;
mod file;
mod flushes;
mod line;
mod own;
mod rotation;
mod writer;

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use self::buffer::Buffer;
use self::rotation::Rotation;
use self::writer::Writer;
use super::happening::Happening;
use super::observer::Observer;

/// Writes a line of JSON for each happening to a file, which is appended to.
///
/// ```
/// use bus::{Bus, observe};
///
/// # let folder = std::env::temp_dir().join("bus-doc-jsonl");
/// # std::fs::create_dir_all(&folder)?;
/// let log = observe::jsonl(folder.join("bus.jsonl")).rotate_at(16 << 20).keep(3);
/// let bus = Bus::builder().observer(log.clone()).build()?;
/// // ..
/// log.flush(std::time::Duration::from_secs(1));
/// assert_eq!(log.stats().dropped, 0);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// No message waits for it. The file is written by a thread, which begins with the first line; what does not fit the
/// [buffer](Jsonl::buffer) is dropped and counted, and where it is missing a line says so: `{"dropped": 12}`. So is what
/// cannot be written; that is logged once for as long as it lasts, and tried again with each line.
#[must_use]
pub fn jsonl(path: impl Into<PathBuf>) -> Jsonl {
    let rotation = Rotation { path: path.into(), at: 64 << 20, keep: 4 };
    Jsonl { rotation, room: 8192, lifecycle: false, shared: Arc::default() }
}

/// The observer of [`jsonl`]. Clones write to the same file, and so may others of this name, of this process or another.
/// What is configured after the first line, or on another clone, changes nothing.
///
/// Dropping the last clone blocks the thread until what is in the buffer is written, at most for 5 seconds: so long
/// if the file hangs, as a pipe does that nobody reads; after that the rest is written only if the process lives
/// on. A bus that it was given to has a clone, so the last may go with the bus, or with
/// [`ObserverHandle::remove`](crate::ObserverHandle::remove). Where that would hold up a runtime, keep a clone
/// until then, and let go of it where it may block:
///
/// ```no_run
/// # async fn stop(bus: bus::Bus, log: bus::observe::Jsonl) -> Result<(), Box<dyn std::error::Error>> {
/// bus.shutdown().await;
/// drop(bus);
/// tokio::task::spawn_blocking(move || drop(log)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Jsonl {
    rotation: Rotation,
    room: usize,
    lifecycle: bool,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// There when the first line is.
    buffer: OnceLock<Arc<Buffer>>,
    begun: OnceLock<Instant>,
}

/// What has become of the lines of a [`Jsonl`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JsonlStats {
    /// Lines that were written: given to the operating system.
    pub written: u64,
    /// Lines that were not: there was no room in the buffer, or they could not be written.
    pub dropped: u64,
    /// How often writing has failed.
    pub errors: u64,
}

impl Jsonl {
    /// How large a file may grow, in bytes, before the next is begun: 64 MiB by default. It is then renamed,
    /// from `bus.jsonl` to `bus.jsonl.1`, that to `bus.jsonl.2`, and so on.
    #[must_use]
    pub fn rotate_at(mut self, bytes: u64) -> Self {
        self.rotation.at = bytes;
        self
    }

    /// How many files are kept beside the one that is written: 4 by default.
    #[must_use]
    pub fn keep(mut self, files: usize) -> Self {
        self.rotation.keep = files;
        self
    }

    /// How many lines may wait to be written: 8 192 by default, at least 1; and so many KiB of them.
    #[must_use]
    pub fn buffer(mut self, lines: usize) -> Self {
        self.room = lines.max(1);
        self
    }

    /// The bus's own events, and what their handlers do, too.
    #[must_use]
    pub fn with_lifecycle(mut self) -> Self {
        self.lifecycle = true;
        self
    }

    /// Waits until the writer is done with all lines that were made by now, at most for `limit`. Blocks the thread.
    ///
    /// `true`: all of them were given to the operating system, but for those that a flush before this one has told of.
    /// `false`: there are some that are not written yet, or were lost since the last flush that has returned, as
    /// [`stats`](Self::stats) has it: they found no room in the buffer, or could not be written. What is made after the
    /// call does not count.
    pub fn flush(&self, limit: Duration) -> bool {
        self.shared.buffer.get().is_none_or(|buffer| buffer.flush(limit))
    }

    /// What has become of its lines by now.
    #[must_use]
    pub fn stats(&self) -> JsonlStats {
        self.shared.buffer.get().map_or_else(JsonlStats::default, |buffer| buffer.stats())
    }

    fn begin(&self) -> Arc<Buffer> {
        let buffer = Arc::new(Buffer::new(self.room));
        let (writer, lines) = (Writer::new(self.rotation.clone()), Arc::clone(&buffer));
        let thread = std::thread::Builder::new().name("bus-jsonl".to_owned());
        if let Err(error) = thread.spawn(move || writer.run(&lines)) {
            tracing::error!(%error, "what happens is not written: there is no thread for that");
            buffer.close();
            buffer.ended();
        }
        buffer
    }
}

impl Observer for Jsonl {
    fn observe(&self, happening: &Happening<'_>) {
        let begun = *self.shared.begun.get_or_init(|| happening.at());
        let line = line::of(happening, begun);
        self.shared.buffer.get_or_init(|| self.begin()).push(line);
    }

    fn lifecycle(&self) -> bool {
        self.lifecycle
    }

    fn name(&self) -> Cow<'static, str> {
        format!("jsonl {}", self.rotation.path.display()).into()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.get() {
            buffer.end(Duration::from_secs(5));
        }
    }
}

impl fmt::Debug for Jsonl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.rotation.path;
        f.debug_struct("Jsonl").field("path", path).field("stats", &self.stats()).finish()
    }
}
