//! The example `webhooks`, run as a user would: what it prints, and with what it exits.

mod common;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {}", self.out))
    }
}

fn run(args: &[&str], input: &[u8]) -> Ran {
    let mut child = Command::new(common::example("webhooks"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cargo builds the examples with the tests");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    writer.join().expect("writing does not panic");
    Ran {
        code: status.code(),
        out: String::from_utf8(stdout).expect("text"),
        err: String::from_utf8(stderr).expect("text"),
    }
}

#[test]
fn the_sample_gives_a_summary_for_people() {
    let ran = run(&[], b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for expected in [
        "200 lines: 188 processed, 12 failed",
        "        78  push\n",
        "top repositories\n        10  globex/search\n",
        "top actors\n        32  ken\n",
        "failures by cause\n         2  broken JSON\n         2  empty line\n",
        "4 alerts\n  examples/webhooks/sample.ndjson:35: wayne/infra was deleted by radia\n",
        "event handlers: 468 runs, 0 failed, 0 events left\n",
        "deliveries/s, p50 ",
    ] {
        assert!(ran.out.contains(expected), "no {expected:?} in\n{}", ran.out);
    }
    let sample = "examples/webhooks/sample.ndjson";
    for expected in [
        "10: the line is empty",
        "23: broken JSON: EOF while parsing a list",
        "41: unknown kind `deployment_review`",
        "104: the payload of a delivery of kind `star`: missing field `repository`",
        "163: no delivery: not an object",
    ] {
        let expected = format!("{sample}:{expected}");
        assert!(ran.err.contains(&expected), "no {expected:?} in\n{}", ran.err);
    }
    assert_eq!(ran.err.lines().count(), 12, "a line for each failure:\n{}", ran.err);
}

#[test]
fn json_says_the_same_and_adds_up() {
    let ran = run(&["--json"], b"");
    let json = ran.json();
    assert_eq!(json["lines"], 200);
    assert_eq!((json["ok"].clone(), json["failed"].clone()), (188.into(), 12.into()));
    let sum = |map: &Value| {
        map.as_object().expect("a map").values().filter_map(Value::as_u64).sum::<u64>()
    };
    assert_eq!(sum(&json["kinds"]), 188, "each processed delivery was counted by its handler");
    assert_eq!(sum(&json["failures"]), 12);
    // Statistics and log for each delivery, the two alert rules for pushes and repositories, and the
    // alerts themselves.
    let (kinds, alerts) = (&json["kinds"], json["alerts"].as_u64().expect("a number"));
    let rules = kinds["push"].as_u64().unwrap() + kinds["repository"].as_u64().unwrap();
    assert_eq!(json["event_handler_runs"].as_u64(), Some(2 * 188 + rules + alerts));
    assert_eq!(
        (json["event_handler_failures"].as_u64(), json["events_left"].as_u64()),
        (Some(0), Some(0))
    );
}

#[test]
fn the_exit_code_says_what_happened() {
    let good = br#"{"event":"star","payload":{"action":"created","repository":{"full_name":"a/b"},"sender":{"login":"ada"}}}"#;
    for (args, input, code) in [
        (&["--strict"][..], &b""[..], 1),
        (&["--strict", "-"], good, 0),
        (&["-"], b"x", 0),
        (&["--strict", "-"], b"x", 1),
        (&["--help"], b"", 0),
        (&["--colour"], b"", 2),
        (&["--log"], b"", 2),
        (&["--failures", "many"], b"", 2),
        (&["no-such-file.ndjson"], b"", 2),
        (&["examples"], b"", 2),
    ] {
        let ran = run(args, input);
        assert_eq!(ran.code, Some(code), "{args:?}: {}{}", ran.out, ran.err);
    }
    assert!(run(&["--help"], b"").out.contains("--strict"), "no help");
    let wrong = run(&["--colour"], b"").err;
    assert!(wrong.contains("unknown option `--colour`") && wrong.contains("Usage:"), "{wrong}");
    let missing = run(&["no-such-file.ndjson"], b"").err;
    assert!(missing.contains("no-such-file.ndjson cannot be opened"), "{missing}");
}

#[test]
fn whatever_is_in_a_line_it_is_accounted_for() {
    let star = r#"{"event":"star","payload":{"action":"created","repository":{"full_name":"a/b"},"sender":{"login":"ada"}}}"#;
    let long = format!(r#"{{"event":"push","payload":"{}"}}"#, "x".repeat(26 * 1024 * 1024));
    let mut input = Vec::new();
    for line in [
        format!("\u{feff}{star}").as_bytes(), // a byte order mark
        b"",
        b"\r",
        b"\xff\xfe",
        b"\0",
        b"null",
        b"{}",
        b"[]",
        b"{\"event\":1,\"payload\":{}}",
        b"{\"event\":\"push\"}",
        b"{\"event\":\"push\",\"payload\":null}",
        long.as_bytes(),
        format!("{star}\r").as_bytes(),
        star.as_bytes(), // and no line ending after it
    ] {
        input.extend_from_slice(line);
        input.push(b'\n');
    }
    input.pop();
    let ran = run(&["--json", "-"], &input);
    let json = ran.json();
    assert_eq!(
        (json["lines"].clone(), json["ok"].clone(), json["failed"].clone()),
        (14.into(), 3.into(), 11.into()),
        "{}",
        ran.err
    );
    for expected in [
        "stdin:2: the line is empty",
        "stdin:3: the line is empty",
        "stdin:4: the line is not UTF-8",
        "stdin:5: broken JSON",
        "stdin:6: no delivery: not an object",
        "stdin:7: no delivery: missing field `event`",
        "stdin:10: no delivery: missing field `payload`",
        "stdin:12: the line is longer than 25 MiB",
    ] {
        assert!(ran.err.contains(expected), "no {expected:?} in\n{}", ran.err);
    }
    assert_eq!(run(&["--json", "-"], b"").json()["lines"], 0, "an empty input");
}

#[test]
fn junk_of_every_length_adds_up() {
    // Cuts of a good file at every offset: each line whole, cut, or empty.
    let star = r#"{"event":"fork","payload":{"forkee":{"full_name":"c/d"},"repository":{"full_name":"a/b"},"sender":{"login":"ada"}}}"#;
    let mut input = String::new();
    for end in 0..=star.len() {
        input.push_str(&star[..end]);
        input.push('\n');
        input.push_str(&star[end..]);
        input.push('\n');
    }
    let json = run(&["--json", "--failures", "0", "-"], input.as_bytes()).json();
    let lines = 2 * (star.len() as u64 + 1);
    assert_eq!(json["lines"], lines);
    assert_eq!(json["ok"], 2, "the two cuts that leave it whole");
    assert_eq!(json["failed"], lines - 2);
}

#[test]
fn the_activity_log_has_a_line_for_each_delivery() {
    let log = std::env::temp_dir().join(format!("webhooks-{}.log", std::process::id()));
    let ran = run(&["--log", log.to_str().expect("text")], b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let text = std::fs::read_to_string(&log).expect("it was written");
    let _ = std::fs::remove_file(&log);
    assert_eq!(text.lines().count(), 188);
    assert!(
        text.contains("grace force-pushed") && text.contains("merged pull request #"),
        "{text}"
    );
}

#[test]
fn generated_deliveries_are_all_good() {
    let made = run(&["--generate", "500"], b"").out;
    let json = run(&["--json", "--strict", "-"], made.as_bytes()).json();
    assert_eq!((json["lines"].clone(), json["failed"].clone()), (500.into(), 0.into()));
}

#[test]
fn what_strangers_write_neither_steers_the_terminal_nor_grows() {
    let long = "x".repeat(1024 * 1024);
    let input = format!(
        r#"{{"event":"a\u001b[2J\u202e{long}","payload":{{}}}}
{{"event":"star","payload":{{"action":"created","repository":"{long}","sender":{{"login":"ada"}}}}}}
{{"event":"star","payload":{{"action":"created","repository":{{"full_name":"a\nb{long}"}},"sender":{{"login":"ada"}}}}}}
"#
    );
    let ran = run(&["--json", "-"], input.as_bytes());
    assert_eq!(ran.json()["ok"], 1);
    assert!(!ran.err.contains(['\u{1b}', '\u{202e}']), "raw control characters");
    assert!(ran.err.len() < 2000, "{} bytes for two failures", ran.err.len());
    assert!(ran.out.len() < 4000, "{} bytes of summary", ran.out.len());
    assert!(ran.json()["repositories"][0]["name"].as_str().unwrap().starts_with("a\u{fffd}b"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_costs_the_log_and_not_the_summary() {
    let ran = run(&["--json", "--log", "/dev/full"], b"");
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let json = ran.json();
    assert_eq!((json["ok"].clone(), json["log_is_whole"].clone()), (188.into(), false.into()));
}
