//! The file: locked while it is looked at and written, and begun anew when it is large, or not there any more.
//!
//! Others may write to it too, of this process or another. So each locks the file that it has opened, and then looks
//! whether that is still the one of this name: who rotates has locked it as well. Only then its size and its last byte
//! are what they seem, and stay so until the lines are written. Where files cannot be locked this is done without.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::entry::Entry;
use super::rotation::Rotation;

/// So many bytes are written at once, and the lock is held no longer.
const CHUNK: u64 = 64 << 10;

/// How often a file may be taken away between opening and locking it, before it is given up for now.
const TRIES: u32 = 100;

pub(super) struct LogFile {
    rotation: Rotation,
    opened: Option<Opened>,
}

impl LogFile {
    pub(super) fn new(rotation: Rotation) -> Self {
        Self { rotation, opened: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.rotation.path
    }

    /// Writes the first of these, and of the others as many as fit in the same file. How many, and what was wrong with
    /// the next.
    pub(super) fn append(&mut self, entries: &[Entry]) -> (usize, Option<io::Error>) {
        let Some(first) = entries.first() else { return (0, None) };
        let mut opened = match self.ready(first.text().len() as u64) {
            Ok(opened) => opened,
            Err(error) => return (0, Some(error)),
        };
        let room = self.rotation.at.saturating_sub(opened.size);
        let most = if opened.is_file { room.min(CHUNK) } else { CHUNK };
        let (mut text, mut ends) = (String::new(), Vec::new());
        for entry in entries {
            let line = entry.text();
            if !text.is_empty() && (text.len() + line.len()) as u64 > most {
                break;
            }
            text.push_str(&line);
            ends.push(text.len());
        }
        let (bytes, error) = write(&mut opened.file, text.as_bytes());
        if error.is_none() {
            opened.size += bytes as u64;
            self.opened = opened.unlocked();
        }
        (ends.partition_point(|end| *end <= bytes), error)
    }

    /// The file of this name, locked, with room for a line of so many bytes.
    fn ready(&mut self, line: u64) -> io::Result<Opened> {
        for _ in 0..TRIES {
            let mut opened = match self.opened.take() {
                Some(opened) => opened,
                None => Opened::new(&self.rotation.path)?,
            };
            opened.lock();
            if !opened.is_at(&self.rotation.path)? {
                continue;
            }
            opened.look()?;
            if !opened.is_file || !self.rotation.is_full(opened.size, line) {
                return Ok(opened);
            }
            self.rotation.rotate(line)?;
        }
        Err(io::Error::other("it is taken away again and again"))
    }
}

/// Dropping it unlocks it.
struct Opened {
    file: File,
    /// Neither a pipe nor a device: these have no size, and no end to look at.
    is_file: bool,
    is_locked: bool,
    /// When it was last looked at, or written. `None`: not looked at yet.
    left_at: Option<u64>,
    size: u64,
}

impl Opened {
    fn new(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let is_file = file.metadata()?.is_file();
        Ok(Self { file, is_file, is_locked: false, left_at: None, size: 0 })
    }

    /// Waits for who else is writing. What cannot be locked is written all the same: most often there is nobody else.
    fn lock(&mut self) {
        while self.is_file && !self.is_locked {
            match self.file.lock() {
                Ok(()) => self.is_locked = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// To be used again; unless it stays locked, when it has to be closed.
    fn unlocked(mut self) -> Option<Self> {
        self.left_at = Some(self.size);
        let is_locked = std::mem::take(&mut self.is_locked);
        (!is_locked || self.file.unlock().is_ok()).then_some(self)
    }

    /// Is it the file of this name?
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        match fs::metadata(path) {
            Ok(at) => Ok(is_same(&at, &self.file.metadata()?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How large it is; and whoever wrote it last may have been cut off in the middle of a line: that one ends here.
    fn look(&mut self) -> io::Result<()> {
        self.size = self.file.metadata()?.len();
        if !self.is_file || self.size == 0 || self.left_at == Some(self.size) {
            return Ok(());
        }
        let mut last = [b'\n'];
        self.file.seek(SeekFrom::End(-1))?;
        self.file.read_exact(&mut last)?;
        if last != [b'\n'] {
            self.file.write_all(b"\n")?;
            self.size += 1;
        }
        Ok(())
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// As far as that can be told: files have no number there that is to be had.
#[cfg(not(unix))]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.len(), one.created().ok()) == (other.len(), other.created().ok())
}

/// How many bytes were written, and why not all of them.
fn write(file: &mut File, mut bytes: &[u8]) -> (usize, Option<io::Error>) {
    let all = bytes.len();
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return (all - bytes.len(), Some(io::ErrorKind::WriteZero.into())),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (all - bytes.len(), Some(error)),
        }
    }
    (all, None)
}
