//! Files that are not there, or not any more, and what is said of the lines that were lost by that.

use std::fs;
use std::path::Path;

use bus::observe::jsonl;

use super::{Count, Folder, LONG, bus, lines, said};

#[tokio::test]
async fn a_flush_says_whether_lines_were_lost_since_the_one_before() {
    let folder = Folder::new();
    let inner = folder.0.join("inner");
    let log = jsonl(inner.join("bus.jsonl"));
    assert!(log.flush(LONG), "there is no line yet");
    let bus = bus(&log);
    bus.execute(Count(1)).await.unwrap();
    assert!(!log.flush(LONG), "it has no folder: {:?}", log.stats());
    assert!(log.flush(LONG), "nothing was lost since");
    fs::create_dir(&inner).unwrap();
    bus.execute(Count(2)).await.unwrap();
    assert!(log.flush(LONG), "{:?}", log.stats());
    assert!(log.stats().written > 0 && log.stats().dropped > 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_flush_says_that_the_disk_is_full() {
    let log = jsonl("/dev/full");
    bus(&log).execute(Count(1)).await.unwrap();
    assert!(!log.flush(LONG));
    let stats = log.stats();
    assert!(stats.written == 0 && stats.dropped > 0 && stats.errors > 0, "{stats:?}");
}

/// What was lost stands before what was written after it.
#[tokio::test]
async fn what_is_missing_is_said_where_it_is_missing() {
    let folder = Folder::new();
    let path = folder.0.join("inner").join("bus.jsonl");
    let log = jsonl(&path);
    let bus = bus(&log);
    bus.execute(Count(1)).await.unwrap();
    log.flush(LONG);
    let lost = log.stats().dropped;
    assert!(lost > 0);
    fs::create_dir(folder.0.join("inner")).unwrap();
    bus.execute(Count(2)).await.unwrap();
    assert!(log.flush(LONG));
    let lines = lines(&path);
    assert_eq!(lines[0], serde_json::json!({ "dropped": lost }));
    assert_eq!(said(&lines), (log.stats().written, lost));
}

#[tokio::test]
async fn a_file_that_is_taken_away_is_begun_anew_with_the_next_line() {
    let folder = Folder::new();
    let path = folder.0.join("bus.jsonl");
    let log = jsonl(&path);
    let bus = bus(&log);
    let mut written = 0;
    // Removed; moved away, as `logrotate` does; and replaced by a file of another.
    type Away = fn(&Path);
    let away: [Away; 3] = [
        |path| fs::remove_file(path).unwrap(),
        |path| fs::rename(path, path.with_extension("old")).unwrap(),
        |path| {
            fs::write(path.with_extension("new"), "{}\n").unwrap();
            fs::rename(path.with_extension("new"), path).unwrap();
        },
    ];
    for away in away {
        bus.execute(Count(1)).await.unwrap();
        assert!(log.flush(LONG));
        written = log.stats().written;
        away(&path);
        bus.execute(Count(2)).await.unwrap();
        assert!(log.flush(LONG));
        assert_eq!(said(&lines(&path)), (log.stats().written - written, 0));
    }
    assert!(written > 0);
    assert_eq!(log.stats().dropped, 0);
}

#[tokio::test]
async fn what_finds_no_folder_any_more_is_lost_and_said_to_be() {
    let folder = Folder::new();
    let inner = folder.0.join("inner");
    fs::create_dir(&inner).unwrap();
    let log = jsonl(inner.join("bus.jsonl"));
    let bus = bus(&log);
    bus.execute(Count(1)).await.unwrap();
    assert!(log.flush(LONG));
    let before = log.stats().written;
    fs::remove_dir_all(&inner).unwrap();
    bus.execute(Count(2)).await.unwrap();
    assert!(!log.flush(LONG));
    assert_eq!(log.stats().written, before);
    fs::create_dir(&inner).unwrap();
    bus.execute(Count(3)).await.unwrap();
    assert!(log.flush(LONG));
    let stats = log.stats();
    assert_eq!(said(&lines(&inner.join("bus.jsonl"))), (stats.written - before, stats.dropped));
}
