//! A progress bar on a terminal, and nothing elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

pub(crate) struct Progress {
    on: bool,
    /// All there is to read, where that is known: of files, not of standard input.
    total: Option<u64>,
    read: u64,
    /// The clock is read once in so many lines.
    next_look: u64,
    shown: Option<Instant>,
}

const LINES_A_LOOK: u64 = 256;
const PAUSE: Duration = Duration::from_millis(100);
const WIDTH: u64 = 30;

impl Progress {
    pub(crate) fn on_a_terminal(total: Option<u64>) -> Self {
        let on = io::stderr().is_terminal();
        Self { on, total, read: 0, next_look: LINES_A_LOOK, shown: None }
    }

    pub(crate) fn advance(&mut self, lines: u64, bytes: u64, start: Instant) {
        self.read += bytes;
        if !self.on || lines < self.next_look {
            return;
        }
        self.next_look = lines + LINES_A_LOOK;
        let now = Instant::now();
        if self.shown.is_some_and(|shown| now - shown < PAUSE) {
            return;
        }
        self.shown = Some(now);
        let rate = lines as f64 / (now - start).as_secs_f64();
        let _ = write!(io::stderr(), "\r{} {lines} deliveries, {rate:.0}/s ", self.bar());
    }

    /// Takes the line away, so that another can be written.
    pub(crate) fn clear(&mut self) {
        if self.shown.take().is_some() {
            let _ = write!(io::stderr(), "\r{:80}\r", "");
        }
    }

    fn bar(&self) -> String {
        let Some(total) = self.total.filter(|total| *total > 0) else { return String::new() };
        let done = self.read.min(total);
        let filled = done.saturating_mul(WIDTH) / total;
        let bar: String = (0..WIDTH).map(|at| if at < filled { '#' } else { '.' }).collect();
        format!("[{bar}] {:>3}%", done.saturating_mul(100) / total)
    }
}
