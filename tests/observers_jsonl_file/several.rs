//! Several that write to one file, in one process and in many.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bus::Bus;
use bus::observe::{Jsonl, jsonl};

use super::{Count, Folder, LONG, bus, lines};

/// Three write so many commands to one file.
async fn several_write(commands: u32, rotate_at: u64) {
    let folder = Folder::new();
    let path = folder.0.join("bus.jsonl");
    let logs: Vec<_> =
        (0..3).map(|_| jsonl(&path).rotate_at(rotate_at).keep(400).buffer(1 << 20)).collect();
    let observed = |builder: bus::Builder, log: &Jsonl| builder.observer(log.clone());
    let bus = logs.iter().fold(Bus::builder(), observed).build().unwrap();
    for number in 0..commands {
        bus.execute(Count(number)).await.unwrap();
    }
    assert!(logs.iter().all(|log| log.flush(LONG)));
    let mut all = 0;
    for path in folder.files() {
        let size = fs::metadata(&path).unwrap().len();
        assert!(size <= rotate_at, "{size} bytes in {path:?}");
        all += lines(&path).len() as u64;
    }
    assert_eq!(all, logs.iter().map(|log| log.stats().written).sum::<u64>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_that_write_one_file_write_whole_lines_and_nothing_else() {
    several_write(3_000, 1 << 30).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_that_rotate_one_file_leave_none_that_is_too_large() {
    several_write(3_000, 100_000).await;
    several_write(300, 5_000).await;
}

/// This test, in another process.
fn child(path: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "several::processes_that_write_one_file_write_whole_lines"]);
    command.env("BUS_JSONL_CHILD", path).stdout(Stdio::null()).spawn().unwrap()
}

#[tokio::test]
async fn processes_that_write_one_file_write_whole_lines() {
    let parent = std::env::var_os("BUS_JSONL_CHILD");
    let folder = parent.is_none().then(Folder::new);
    let path = folder.as_ref().map(|folder| folder.0.join("bus.jsonl"));
    let path = path.unwrap_or_else(|| parent.unwrap_or_default().into());
    let children: Vec<_> = folder.iter().flat_map(|_| [child(&path), child(&path)]).collect();
    let log = jsonl(&path).rotate_at(50_000).keep(400).buffer(1 << 20);
    let bus = bus(&log);
    for number in 0..1_000 {
        bus.execute(Count(number)).await.unwrap();
    }
    assert!(log.flush(LONG));
    assert!(children.into_iter().all(|mut child| child.wait().unwrap().success()));
    let Some(folder) = folder else { return };
    let mut all = 0;
    for path in folder.files() {
        assert!(fs::metadata(&path).unwrap().len() <= 50_000, "{path:?}");
        all += lines(&path).len() as u64;
    }
    assert_eq!(all, 3 * log.stats().written);
}
