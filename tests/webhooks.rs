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
        (&["--watch"], b"", 2),
        (&["--flaky"], b"", 2),
        (&["--flaky", "1.5"], b"", 2),
        (&["--flaky", "0", "--strict", "-"], good, 0),
        (&["--flaky", "1", "--strict", "-"], good, 0), // nobody is told of a star
        (&["--protect", "acme/api"], b"", 2),
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

fn delivery(kind: &str, repository: &str, own: &str) -> String {
    format!(
        r#"{{"event":"{kind}","payload":{{{own},"repository":{{"full_name":"{repository}","default_branch":"main"}},"sender":{{"login":"ada"}}}}}}"#
    ) + "\n"
}
const TO_RELEASE: &str = r#""ref":"refs/heads/release","forced":true,"commits":[]"#;
const TO_MAIN: &str = r#""ref":"refs/heads/main","forced":true,"commits":[]"#;

#[test]
fn two_repositories_do_not_hear_each_other() {
    let mut input = String::new();
    for n in 0..50 {
        input += &delivery("push", "a/b", TO_RELEASE);
        input += &delivery("push", "c/d", TO_RELEASE);
        input += &delivery("push", "e/f", TO_MAIN); // is not watched
        let star = if n % 2 == 0 { "a/b" } else { "c/d" };
        input += &delivery("star", star, r#""action":"created""#);
    }
    input += &delivery("fork", "c/d", r#""forkee":{"full_name":"g/h"}"#);
    let args = ["--json", "--strict", "--protect", "a/b:release", "--watch", "a/b"];
    let ran = run(
        &[&args[..], &["--watch", "c/d", "--watch", "no/body", "-"]].concat(),
        input.as_bytes(),
    );
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let json = ran.json();
    let expected = serde_json::json!({
        // Its policy makes an alert of what is none in the other.
        "a/b": { "push": 50, "star": 25, "alert": 50 },
        "c/d": { "push": 50, "star": 25, "fork": 1 },
        "no/body": {},
    });
    assert_eq!(json["watched"], expected);
    assert_eq!(json["alerts"], 100, "those of the repository that is not watched too");
    assert_eq!(
        (json["sessions_opened"].clone(), json["events_left"].clone()),
        (3.into(), 0.into())
    );
}

#[test]
fn what_is_watched_in_the_sample_is_what_is_in_it() {
    let sample = std::fs::read_to_string("examples/webhooks/sample.ndjson").expect("it is there");
    let parsed = sample.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut repositories: Vec<_> = parsed
        .filter_map(|line| Some(line["payload"]["repository"]["full_name"].as_str()?.to_owned()))
        .collect();
    repositories.sort();
    repositories.dedup();
    let watch = repositories.iter().flat_map(|name| ["--watch", name]);
    let json = run(&["--json"].into_iter().chain(watch).collect::<Vec<_>>(), b"").json();
    let watched = json["watched"].as_object().expect("a map");
    let mut sum = std::collections::BTreeMap::<String, u64>::new();
    for (kind, count) in watched.values().flat_map(|heard| heard.as_object().expect("a map")) {
        *sum.entry(kind.clone()).or_default() += count.as_u64().expect("a number");
    }
    assert_eq!(sum.remove("alert"), json["alerts"].as_u64());
    assert_eq!(serde_json::json!(sum), json["kinds"], "together they hear all, each once");
}

#[test]
fn the_session_of_a_repository_ends_with_it() {
    let star = |of| delivery("star", of, r#""action":"created""#);
    let gone = |of, how| delivery("repository", of, &format!(r#""action":"{how}""#));
    let input = [
        star("a/b"),
        gone("a/b", "edited"),
        gone("a/b", "deleted"),
        star("a/b"),
        gone("a/b", "archived"),
        star("c/d"),
        star("a/b"),
    ];
    let json = run(&["--json", "--watch", "a/b", "-"], input.concat().as_bytes()).json();
    assert_eq!(
        (json["sessions_opened"].clone(), json["most_sessions_open"].clone()),
        (4.into(), 2.into())
    );
    // It is watched again when it comes again, and was heard to the last: also the alert that
    // followed from its end.
    let expected = serde_json::json!({ "star": 3, "repository": 3, "alert": 1 });
    assert_eq!(json["watched"]["a/b"], expected);
}

/// Strangers name repositories: there is no end of names, nor one that means something to the bus.
#[test]
fn many_repositories_and_odd_ones_are_handled_all_the_same() {
    let star = |of: &str| delivery("star", of, r#""action":"created""#);
    let mut input: String = (0..1_500).map(|n| star(&format!("a/r{n}"))).collect();
    for odd in ["", "BUS", "a/r0", " "] {
        input += &star(odd);
    }
    let ran = run(&["--json", "--strict", "--watch", "BUS", "-"], input.as_bytes());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let json = ran.json();
    assert_eq!(
        (json["ok"].clone(), json["most_sessions_open"].clone()),
        (1504.into(), 1000.into())
    );
    assert_eq!(json["watched"]["BUS"]["star"], 1);
    assert_eq!(json["event_handler_runs"], 2 * 1504 + 1, "and those of who watches");
}

#[test]
fn a_flaky_notifier_leaves_dead_letters_which_are_run_again() {
    let ran = run(&["--flaky", "0.3", "--failures", "0"], b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let sample = "examples/webhooks/sample.ndjson";
    for expected in [
        "notifier: 154 calls, 4 dead letters, 0 evicted\n",
        &format!("  {sample}:32: push in hooli/api: the notifier does not answer, 3 attempts\n"),
        "  4 retried, 3 with success, 1 left\n",
    ] {
        assert!(ran.out.contains(expected), "no {expected:?} in\n{}", ran.out);
    }
    assert_eq!(ran.err.matches("an event handler failed").count(), 5, "each is logged");

    for (fails, left) in [("0", Some(0)), ("0.3", Some(1)), ("0.7", None), ("1", Some(115))] {
        let json = run(&["--json", "--flaky", fails], b"").json();
        let number = |key: &str| json["notified"][key].as_u64().expect("a number");
        let kinds = |kind: &str| json["kinds"][kind].as_u64().expect("a number");
        let told = kinds("push") + kinds("pull_request");
        assert!(number("calls") >= told && number("calls") <= 3 * told);
        assert!(left.is_none_or(|left| left == number("left")), "{fails}: {json}");
        assert_eq!(number("retried"), number("given_up"));
        assert_eq!(number("succeeded") + number("left"), number("retried"));
        assert_eq!(json["event_handler_failures"], number("given_up") + number("left"));
        assert_eq!(json["event_handler_runs"], 468 + told - number("left"), "{fails}");
        let shown = json["notified"]["first_given_up"].as_array().expect("a list").len() as u64;
        assert_eq!(shown, number("given_up").min(10));
    }
    assert!(run(&["--json"], b"").json()["notified"].is_null(), "nobody is told otherwise");
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

/// The diagram in the example's README is that of the program.
#[test]
fn the_graph_in_the_readme_is_that_of_the_program() {
    let drawn = Command::new(common::example("graph")).arg("--print").output().expect("it runs");
    assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
    let drawn = String::from_utf8(drawn.stdout).expect("text");
    let readme = include_str!("../examples/webhooks/README.md");
    let pinned = readme.split("```mermaid\n").nth(1).and_then(|rest| rest.split("```").next());
    assert_eq!(pinned, Some(&*drawn), "README.md differs: `--example graph` writes it");
}
