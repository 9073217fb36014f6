//! The file of the JSON lines: several that write to it, files that vanish or hang, and what is said of lines that are
//! lost.

#[cfg(unix)]
mod hangs;
mod lost;
mod several;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bus::observe::Jsonl;
use bus::{Bus, command, handler};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(60);

#[command]
struct Count(u32);
#[handler]
fn count(count: Count) -> bus::Result<()> {
    let _ = count.0;
    Ok(())
}

/// A folder that is gone when the test ends.
struct Folder(PathBuf);
impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("bus-jsonl-file-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
    fn files(&self) -> Vec<PathBuf> {
        fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().path()).collect()
    }
}
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn bus(log: &Jsonl) -> Bus {
    Bus::builder().observer(log.clone()).build().unwrap()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{path:?} ends in a line");
    let read = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?} in {path:?}"))
    };
    text.lines().map(read).collect()
}

/// How many lines of happenings there are, and how many are said to be missing.
fn said(lines: &[Value]) -> (u64, u64) {
    let missing = lines.iter().filter_map(|line| line["dropped"].as_u64()).sum();
    (lines.iter().filter(|line| line.get("what").is_some()).count() as u64, missing)
}
