//! The file: written, and begun anew when it is large.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::buffer::{Buffer, Lines};

/// Which file, how large it may grow, and how many former ones are kept.
#[derive(Clone)]
pub(super) struct Rotation {
    pub(super) path: PathBuf,
    pub(super) at: u64,
    pub(super) keep: usize,
}

impl Rotation {
    /// The former file of this number; the latest is 1.
    fn former(&self, number: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    /// Makes room for a new file, and for a line of so many bytes in it, unless another observer has done so.
    fn rotate(&self, line: u64) -> io::Result<()> {
        static ROTATING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = ROTATING.lock().unwrap_or_else(PoisonError::into_inner);
        match fs::metadata(&self.path) {
            Ok(at) if at.len() > 0 && at.len() + line > self.at => {}
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
        fs::rename(&self.path, self.former(1))
    }

    fn open(&self) -> io::Result<Opened> {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).read(true).open(&self.path)?;
        let mut size = file.metadata()?.len();
        if size > 0 {
            // Whoever wrote it last may have been cut off in the middle of a line: that one ends here.
            let mut last = [b'\n'];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != [b'\n'] {
                file.write_all(b"\n")?;
                size += 1;
            }
        }
        Ok(Opened { file: BufWriter::new(file), size })
    }
}

struct Opened {
    file: BufWriter<File>,
    size: u64,
}

/// What runs on the thread.
pub(super) struct Writer {
    rotation: Rotation,
    opened: Option<Opened>,
    /// That it cannot be written, since it last could.
    has_said: bool,
}

impl Writer {
    pub(super) fn new(rotation: Rotation) -> Self {
        Self { rotation, opened: None, has_said: false }
    }

    pub(super) fn run(mut self, buffer: &Buffer) {
        // Also where it panics: nobody waits for what does not come.
        let _ended = Ended(buffer);
        while let Some(Lines { lines, dropped }) = buffer.take() {
            let all = lines.len() as u64;
            let (mut written, mut unsaid) = (0, dropped);
            let mut write = || {
                for line in &lines {
                    self.write(line)?;
                    written += 1;
                }
                if dropped > 0 {
                    self.write(&format!("{{\"dropped\": {dropped}}}\n"))?;
                    unsaid = 0;
                }
                self.flush()
            };
            let Err(error) = write() else {
                buffer.done(written, 0, 0, 0);
                self.has_said = false;
                continue;
            };
            // What was in the file's own buffer is lost too; how much of it is not known. It is counted as
            // lost, so that nothing is missed in silence.
            let (written, unsaid) = if self.discard() { (0, dropped) } else { (written, unsaid) };
            buffer.done(written, all - written, unsaid, 1);
            if !std::mem::replace(&mut self.has_said, true) {
                let path = self.rotation.path.display();
                tracing::error!(%path, %error, "what happens cannot be written; it is tried again");
            }
        }
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let length = line.len() as u64;
        if let Some(full) = self.opened.take_if(|opened| is_full(opened, length, &self.rotation)) {
            full.file.into_inner().map_err(io::IntoInnerError::into_error)?;
            self.rotation.rotate(length)?;
        }
        let opened = match &mut self.opened {
            Some(opened) => opened,
            None => {
                let mut opened = self.rotation.open()?;
                if is_full(&opened, length, &self.rotation) {
                    self.rotation.rotate(length)?;
                    opened = self.rotation.open()?;
                }
                self.opened.insert(opened)
            }
        };
        opened.file.write_all(line.as_bytes())?;
        opened.size += length;
        Ok(())
    }

    /// Others may write to the file too: how large it is by now is looked up, and one that they have begun anew is
    /// opened.
    fn flush(&mut self) -> io::Result<()> {
        let Some(opened) = &mut self.opened else { return Ok(()) };
        opened.file.flush()?;
        opened.size = opened.file.get_ref().metadata()?.len();
        let is_there = fs::metadata(&self.rotation.path).is_ok_and(|at| at.len() == opened.size);
        if !is_there {
            self.opened = None;
        }
        Ok(())
    }

    /// Lets go of a file that could not be written. Was there one?
    fn discard(&mut self) -> bool {
        // Without another try to write what is in its buffer, which might hang.
        self.opened.take().map(|opened| drop(opened.file.into_parts())).is_some()
    }
}

struct Ended<'b>(&'b Buffer);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.ended();
    }
}

/// A line that is longer than a file may be has one of its own.
fn is_full(opened: &Opened, line: u64, rotation: &Rotation) -> bool {
    opened.size > 0 && opened.size + line > rotation.at
}
