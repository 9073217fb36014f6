//! The example `shutdown`, which hears Ctrl-C.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::common;

/// The example `shutdown` at work. Does not outlive its test.
struct Service {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl Service {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(common::example("shutdown"));
        let child = command.args(args).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("cargo builds the examples with the tests");
        let output = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, output }
    }

    /// The lines up to one that begins so.
    fn until(&mut self, start: &str) -> Vec<String> {
        let mut seen = Vec::new();
        for line in self.output.by_ref().map(|line| line.expect("text")) {
            seen.push(line);
            if seen.last().is_some_and(|line| line.starts_with(start)) {
                return seen;
            }
        }
        panic!("no {start:?} in {seen:#?}");
    }

    /// Ctrl-C, as a terminal sends it.
    #[cfg(unix)]
    fn interrupt(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status().expect("there is `kill`");
        assert!(sent.success());
    }

    /// What else it prints, and the exit code.
    fn end(mut self) -> (Vec<String>, Option<i32>) {
        let rest = self.output.by_ref().map(|line| line.expect("text")).collect();
        (rest, self.child.wait().expect("it has ended").code())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Where it has ended, there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Accepted, completed, failed, dropped, cut off: every job is in the report.
fn account(line: &str) -> [u64; 5] {
    let words = line.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty());
    let numbers: Vec<u64> = words.map(|word| word.parse().expect("digits")).collect();
    let numbers: [u64; 5] = numbers.try_into().expect("five numbers");
    let [accepted, ends @ ..] = numbers;
    assert_eq!(ends.iter().sum::<u64>(), accepted, "{line}");
    numbers
}

#[cfg(unix)]
#[test]
fn shutdown_hears_ctrl_c_and_says_what_it_left() {
    let mut service = Service::start(&[]);
    service.until("upload 1");
    service.interrupt();
    service.until("shutting down");
    let drain = service.until("shut down: ");
    assert!(drain.iter().any(|line| line.contains("the bus is shutting down")), "{drain:#?}");
    assert!(drain.iter().any(|line| line.starts_with("watch: asked to stop")), "{drain:#?}");
    let report = drain.last().expect("the line that was waited for");
    assert!(report.ends_with(" 0 failed, cut off: stuck"), "{report}");
    let (rest, code) = service.end();
    let [_, completed, failed, dropped, cut_off] = account(&rest[0]);
    assert!(completed >= 3 && (failed, dropped, cut_off) == (0, 0, 1), "{rest:?}");
    assert_eq!(rest[1..], ["`stuck` did not stop when it was asked to"]);
    assert_eq!(code, Some(3));
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_ends_shutdown_at_once() {
    // `--seconds` does not take Ctrl-C away.
    let mut service = Service::start(&["--seconds", "3600"]);
    service.until("at work");
    service.interrupt();
    service.until("shutting down");
    service.interrupt();
    let (rest, code) = service.end();
    assert_eq!(code, Some(130), "{rest:?}");
    assert!(!rest.iter().any(|line| line.starts_with("shut down")), "no report: {rest:?}");
}

#[test]
fn shutdown_ends_by_itself_and_its_exit_code_says_how() {
    let run = |args: &[&str]| {
        let (lines, code) = Service::start(args).end();
        let jobs = lines.iter().find(|line| line.contains(" jobs accepted: "));
        (code, account(jobs.unwrap_or_else(|| panic!("no account in {lines:#?}"))))
    };
    let (code, [.., cut_off]) = run(&["--seconds", "1"]);
    assert_eq!((code, cut_off), (Some(3), 1));
    let (code, [accepted, completed, ..]) = run(&["--seconds", "1", "--no-stuck"]);
    assert_eq!((code, completed), (Some(0), accepted), "nothing is left");
}
