//! Lines of files and of standard input, in constant memory whatever is in them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

use crate::failure::Failure;

/// What a line may be long, in bytes: GitHub's own cap on a payload is 25 MB.
pub(crate) const LONGEST: usize = 25 * 1024 * 1024;

/// Something to read.
pub(crate) struct Source {
    pub(crate) name: String,
    /// In bytes, where it is known.
    pub(crate) size: Option<u64>,
    pub(crate) reader: Box<dyn BufRead>,
}

#[derive(Debug, thiserror::Error)]
#[error("{name} cannot be opened: {error}")]
pub(crate) struct NotOpened {
    name: String,
    error: io::Error,
}

impl Source {
    /// Opens all before any is read: a wrong name is found at once.
    pub(crate) fn open_all(files: &[Option<PathBuf>]) -> Result<Vec<Self>, NotOpened> {
        files.iter().map(|file| Self::open(file.as_ref())).collect()
    }

    fn open(file: Option<&PathBuf>) -> Result<Self, NotOpened> {
        let Some(path) = file else {
            let reader = Box::new(BufReader::new(io::stdin()));
            return Ok(Self { name: "stdin".to_owned(), size: None, reader });
        };
        let here = std::env::current_dir().unwrap_or_default();
        let name = path.strip_prefix(here).unwrap_or(path).display().to_string();
        let opened = File::open(path).and_then(|file| {
            if file.metadata()?.is_dir() {
                Err(io::ErrorKind::IsADirectory.into())
            } else {
                Ok(file)
            }
        });
        match opened {
            Ok(file) => {
                let size = file.metadata().ok().map(|metadata| metadata.len());
                let reader = Box::new(BufReader::with_capacity(1 << 16, file));
                Ok(Self { name, size, reader })
            }
            Err(error) => Err(NotOpened { name, error }),
        }
    }
}

/// A line and its number, from 1. Its content has no line ending; a line too long has none at all.
pub(crate) struct Line {
    pub(crate) number: u64,
    pub(crate) content: Result<Vec<u8>, Failure>,
}

pub(crate) struct Lines {
    reader: Box<dyn BufRead>,
    number: u64,
}

impl Lines {
    pub(crate) fn of(reader: Box<dyn BufRead>) -> Self {
        Self { reader, number: 0 }
    }

    fn read(&mut self) -> io::Result<Option<Line>> {
        let mut content = Vec::new();
        let limit = LONGEST as u64 + 2;
        let read = self.reader.by_ref().take(limit).read_until(b'\n', &mut content)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let ended = content.last() == Some(&b'\n');
        if ended {
            content.pop();
            content.pop_if(|last| *last == b'\r');
        } else if read as u64 == limit {
            skip_line(&mut self.reader)?;
        }
        let number = self.number;
        if content.len() > LONGEST {
            return Ok(Some(Line { number, content: Err(Failure::TooLong) }));
        }
        if number == 1 && content.starts_with(b"\xef\xbb\xbf") {
            content.drain(..3);
        }
        Ok(Some(Line { number, content: Ok(content) }))
    }
}

/// Reads up to the end of the line, and keeps nothing of it.
fn skip_line(reader: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |at| at + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

impl Iterator for Lines {
    type Item = io::Result<Line>;
    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
