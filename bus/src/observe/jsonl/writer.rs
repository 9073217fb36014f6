//! What runs on the thread: takes what there is, writes it, and says what has become of it.

use super::buffer::{Buffer, Done};
use super::entry::count;
use super::file::LogFile;
use super::rotation::Rotation;

pub(super) struct Writer {
    file: LogFile,
    /// That it cannot be written, since it last could.
    has_said: bool,
}

impl Writer {
    pub(super) fn new(rotation: Rotation) -> Self {
        Self { file: LogFile::new(rotation), has_said: false }
    }

    pub(super) fn run(mut self, buffer: &Buffer) {
        // Also where it panics: nobody waits for what does not come.
        let _ended = Ended(buffer);
        while let Some(entries) = buffer.take() {
            let (mut left, mut error) = (&entries[..], None);
            while !left.is_empty() && error.is_none() {
                let (written, failed) = self.file.append(left);
                (left, error) = (&left[written..], failed);
            }
            let (lost, unsaid) = count(left);
            let (lines, _) = count(&entries);
            let errors = u64::from(error.is_some());
            buffer.done(Done { written: lines - lost, lost, unsaid, errors });
            self.say(error);
        }
    }

    /// Once for as long as it lasts.
    fn say(&mut self, error: Option<std::io::Error>) {
        let has_said = std::mem::replace(&mut self.has_said, error.is_some());
        if let Some(error) = error.filter(|_| !has_said) {
            let path = self.file.path().display();
            tracing::error!(%path, %error, "what happens cannot be written; it is tried again");
        }
    }
}

struct Ended<'b>(&'b Buffer);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.ended();
    }
}
