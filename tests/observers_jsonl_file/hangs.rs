//! A file that hangs.

use std::fs;
use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;

use bus::Bus;
use bus::observe::jsonl;

use super::{Count, Folder, LONG};

/// A pipe that nobody reads: who keeps a clone says where it is waited for.
#[tokio::test]
async fn a_file_that_hangs_holds_up_neither_the_bus_nor_who_takes_the_observer_out() {
    let folder = Folder::new();
    let path = folder.0.join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    // What is written by now is there to be read, whoever has written it.
    let mut pipe = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let log = jsonl(&path).buffer(1 << 20);
    let bus = Bus::builder().build().unwrap();
    let observing = bus.observe(log.clone());
    for number in 0..1_000 {
        bus.execute(Count(number)).await.unwrap();
    }
    observing.remove();
    drop(bus);
    assert!(!log.flush(Duration::ZERO), "more than a pipe holds");

    let reader = std::thread::spawn(move || {
        let (mut text, mut some) = (Vec::new(), [0; 4096]);
        while !text.ends_with(b"the end") {
            let read = pipe.read(&mut some).unwrap();
            text.extend_from_slice(&some[..read]);
        }
        String::from_utf8(text).unwrap().lines().count() as u64
    });
    let (mut end, stats) = (fs::OpenOptions::new().append(true).open(&path).unwrap(), log.clone());
    tokio::task::spawn_blocking(move || assert!(log.flush(LONG))).await.unwrap();
    end.write_all(b"the end").unwrap();
    assert_eq!(reader.join().unwrap(), stats.stats().written + 1);
}
