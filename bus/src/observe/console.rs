//! An observer for people: a line for each happening.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::happening::Happening;
use super::observer::Observer;
use crate::sync::{Mutex, lock};

/// Writes a line for each happening to the standard error stream.
///
/// For looking on while something is written or tried out: whoever makes something happen writes the line
/// himself, and waits for it. Where that matters there is `observe::jsonl` (feature `json`).
///
/// ```
/// use bus::{Bus, observe};
///
/// let bus = Bus::builder().observer(observe::console()).build()?;
/// # Ok::<(), bus::BuildError>(())
/// ```
#[must_use]
pub fn console() -> Console {
    Console::to(io::stderr())
}

/// The observer of [`console`].
pub struct Console {
    to: Mutex<Box<dyn Write + Send>>,
    /// When the first line was written.
    begun: OnceLock<Instant>,
    lifecycle: bool,
    errors: AtomicU64,
}

impl Console {
    /// As [`console`], but written to something else.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        let (begun, errors) = (OnceLock::new(), AtomicU64::new(0));
        Self { to: Mutex::new(Box::new(writer)), begun, lifecycle: false, errors }
    }

    /// The bus's own events, and what their handlers do, too.
    #[must_use]
    pub fn with_lifecycle(mut self) -> Self {
        self.lifecycle = true;
        self
    }
}

impl Observer for Console {
    fn observe(&self, happening: &Happening<'_>) {
        let begun = *self.begun.get_or_init(|| happening.at());
        let since = happening.at().saturating_duration_since(begun);
        let depth = usize::from(happening.depth());
        // A message that says more than one line is still one, and none moves the cursor of a terminal.
        let text = happening.to_string().replace(char::is_control, " ");
        let line =
            format!("{:>10.6} {:indent$}{text}\n", since.as_secs_f64(), "", indent = 2 * depth);
        let written = lock(&self.to).write_all(line.as_bytes());
        if let Err(error) = written
            && self.errors.fetch_add(1, Ordering::Relaxed) == 0
        {
            tracing::warn!(%error, "what happens cannot be written to the console");
        }
    }

    fn lifecycle(&self) -> bool {
        self.lifecycle
    }

    fn name(&self) -> Cow<'static, str> {
        "console".into()
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("errors", &self.errors).finish_non_exhaustive()
    }
}
