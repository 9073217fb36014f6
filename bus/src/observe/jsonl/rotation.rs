//! Which file it is, and the former ones.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Which file, how large it may grow, and how many former ones are kept.
#[derive(Clone)]
pub(super) struct Rotation {
    pub(super) path: PathBuf,
    pub(super) at: u64,
    pub(super) keep: usize,
}

impl Rotation {
    /// A line that is longer than a file may be has one of its own.
    pub(super) fn is_full(&self, size: u64, line: u64) -> bool {
        size > 0 && size.saturating_add(line) > self.at
    }

    /// The former file of this number; the latest is 1.
    fn former(&self, number: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    /// Makes room for a new file, and for a line of so many bytes in it. Called by who has locked the file. Where files
    /// cannot be locked, another observer may have done so already.
    pub(super) fn rotate(&self, line: u64) -> io::Result<()> {
        static ROTATING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = ROTATING.lock().unwrap_or_else(PoisonError::into_inner);
        match fs::metadata(&self.path) {
            Ok(at) if self.is_full(at.len(), line) => {}
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => return Ok(()),
        }
        if self.keep == 0 {
            return fs::remove_file(&self.path);
        }
        for number in (1..self.keep).rev() {
            match fs::rename(self.former(number), self.former(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        // The last: until then nobody begins a new file, which would be in the way.
        fs::rename(&self.path, self.former(1))
    }
}
