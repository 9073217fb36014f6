//! A progress line on a terminal, and nothing elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

pub(crate) struct Progress {
    on: bool,
    /// The clock is read once in so many lines.
    next_look: u64,
    shown: Option<Instant>,
}

const LINES_A_LOOK: u64 = 256;
const PAUSE: Duration = Duration::from_millis(100);

impl Progress {
    pub(crate) fn on_a_terminal() -> Self {
        Self { on: io::stderr().is_terminal(), next_look: LINES_A_LOOK, shown: None }
    }

    pub(crate) fn show(&mut self, lines: u64, start: Instant) {
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
        let turn = ['|', '/', '-', '\\'][(lines / LINES_A_LOOK % 4) as usize];
        let _ = write!(io::stderr(), "\r{turn} {lines} deliveries, {rate:.0}/s ");
    }

    pub(crate) fn clear(&self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr(), "\r{:60}\r", "");
        }
    }
}
