//! The small examples print what their text says.

mod common;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines};
#[cfg(unix)]
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

fn lines(program: &Path) -> Vec<String> {
    let output = Command::new(program).output().expect("cargo builds the examples with the tests");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}", program.display());
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn quickstart_prints_what_the_readme_says() {
    let mut printed = lines(&common::example("quickstart"));
    let readme = include_str!("../README.md");
    let (_, after) = readme.split_once("It prints:\n\n```text\n").expect("the README shows it");
    let mut shown: Vec<_> =
        after.lines().take_while(|line| *line != "```").map(str::to_owned).collect();
    // The event's handler runs beside the caller.
    printed.sort();
    shown.sort();
    assert_eq!(printed, shown);
}

#[test]
fn the_readme_shows_the_quickstart_itself() {
    let readme = include_str!("../README.md");
    let source = include_str!("../examples/quickstart.rs");
    let (_, code) = source.split_once("\n\n").expect("a line of docs, then the code");
    assert!(readme.contains(code.trim()), "README.md and examples/quickstart.rs differ");
}

#[test]
fn modular_links_handlers_that_do_not_know_each_other() {
    let printed = lines(&common::package("modular-app")).join("\n");
    for expected in [
        "command modular_api::SignUp",
        "`sign_up` at examples/modular/users/src/lib.rs:",
        "event modular_api::UserSignedUp",
        "`greet` at examples/modular/mail/src/lib.rs:",
        "ada is user 1\n",
        "mail to grace: welcome, you are user 2\n",
        "command modular_api::SignUp failed: the name `ada` is taken\n",
        "shut down: ",
    ] {
        assert!(printed.contains(expected), "no {expected:?} in\n{printed}");
    }
}

/// The table of the example is made of numbers that add up, and each strategy does what it says.
#[test]
fn backpressure_accounts_for_every_reading() {
    let printed = lines(&common::example("backpressure"));
    let row = |name: &str| -> Vec<usize> {
        let row = printed.iter().find(|line| line.starts_with(name));
        let numbers = row.expect("a row for each strategy").split_whitespace().skip(1).take(6);
        numbers.map(|number| number.parse().expect("a number")).collect()
    };
    // Published, refused, dropped, handled, the largest queue, waited.
    let block = row("Block");
    assert_eq!(block[..5], [1200, 0, 0, 1200, 200]);
    let reject = row("RejectNew");
    assert!(reject[1] > 500 && reject[0] == reject[3] && reject[2] == 0, "{reject:?}");
    let drop = row("DropOldest");
    assert!(drop[1] == 0 && drop[2] > 500 && drop[3] + drop[2] == 1200, "{drop:?}");
    let adaptive = row("AdaptiveRateLimit");
    assert!(adaptive[0] == adaptive[3] && adaptive[1] < reject[1] / 10, "{adaptive:?}");
    assert!(reject[5] == 0 && drop[5] == 0 && block[5] > 0 && adaptive[5] > 0, "who waits");
    for row in [block, reject, drop, adaptive] {
        assert_eq!((row[0] + row[1], row[4]), (1200, 200));
        assert_eq!(row[3] + row[2], row[0], "handled and dropped is what was published");
    }
}

#[test]
fn backpressure_prints_what_its_source_shows() {
    let source = include_str!("../examples/backpressure/main.rs");
    assert_eq!(lines(&common::example("backpressure")), shown("backpressure", source));
}

/// The run that the docs of an example show.
fn shown(example: &str, source: &str) -> Vec<String> {
    let (_, sample) = source.split_once(&format!("--example {example}\n")).expect("it shows a run");
    let sample = sample.lines().take_while(|line| *line != "//! ```");
    let sample = sample.map(|line| line.strip_prefix("//!").expect("docs"));
    sample.map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned()).collect()
}

#[test]
fn testing_prints_what_its_source_shows() {
    let source = include_str!("../examples/testing/main.rs");
    assert_eq!(lines(&common::example("testing")), shown("testing", source));
}

#[test]
fn backpressure_refuses_arguments() {
    assert_eq!(ended("backpressure", &["--help"]).0, Some(0));
    let (code, error) = ended("backpressure", &["--fast"]);
    assert!(code == Some(2) && error.contains("`--fast` is not understood"), "{code:?} {error}");
}

/// Each job of the example is heard by its own listener alone, and ends as it should.
#[test]
fn sessions_are_heard_by_their_own_listeners_and_end_in_all_ways() {
    let printed = lines(&common::example("sessions"));
    assert_eq!(printed, shown("sessions", include_str!("../examples/sessions/main.rs")));
    let row = |name: &str| -> Vec<u64> {
        let rows = printed.iter().skip_while(|line| !line.starts_with("session "));
        let row =
            rows.map(|line| line.split_whitespace()).find(|row| row.clone().next() == Some(name));
        let numbers = row.expect("a row for each session").skip(1).take(4);
        numbers.map(|number| number.parse().expect("a number")).collect()
    };
    // Rows, imported, written, heard.
    assert_eq!(row("import-1"), [5, 5, 5, 5]);
    assert_eq!(row("import-2"), [4, 4, 0, 4], "a dry run writes nothing");
    assert_eq!(row("import-3"), [4, 2, 2, 2], "up to the row that is wrong");
    assert_eq!(row("import-4"), [4, 2, 2, 2], "up to its cancellation");
    let files = [row("import-5/a.csv"), row("import-5/b.csv")];
    assert_eq!(row("import-5"), [0, 0, 0, files[0][3] + files[1][3]], "it hears what is inside");
    for said in [
        "import-1: 100 %",
        "import-1: ended after 50ms",
        "import-4: failed after 25ms: it was cancelled",
        "import-5/a.csv: starts, inside import-5",
    ] {
        assert!(printed.iter().any(|line| line == said), "no {said:?} in {printed:#?}");
    }
    let failed = printed.iter().find(|line| line.starts_with("import-3: failed"));
    assert!(failed.is_some_and(|line| line.ends_with("line 3: `4o` is no amount")), "{failed:?}");
}

#[test]
fn sessions_refuses_arguments() {
    assert_eq!(ended("sessions", &["--help"]).0, Some(0));
    let (code, error) = ended("sessions", &["--all"]);
    assert!(code == Some(2) && error.contains("`--all` is not understood"), "{code:?} {error}");
}

/// The exit code of an example, and what it printed as error.
fn ended<A: AsRef<OsStr>>(example: &str, args: &[A]) -> (Option<i32>, String) {
    let output = Command::new(common::example(example)).args(args).output();
    let output = output.expect("cargo builds the examples with the tests");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

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

#[test]
fn shutdown_refuses_arguments_that_it_does_not_know() {
    for (args, text) in [
        (&["--seconds"][..], "needs a number"),
        (&["--seconds", "soon"], "`soon` is not a number"),
        (&["--seconds", "-1"], "`-1` is not a number"),
        (&["now"], "`now` is not understood"),
        (&["now", "--help"], "`now` is not understood"),
    ] {
        let (code, error) = ended("shutdown", args);
        assert!(code == Some(2) && error.contains(text), "{args:?}: {code:?} {error}");
    }
    assert_eq!(ended("shutdown", &["--help"]).0, Some(0));
}

#[cfg(unix)]
#[test]
fn arguments_that_are_no_text_are_refused_too() {
    let no_text = OsStr::from_bytes(b"\xff");
    for example in ["backpressure", "sessions", "shutdown"] {
        let (code, error) = ended(example, &[no_text]);
        assert!(code == Some(2) && error.contains("is not understood"), "{code:?} {error}");
    }
}

#[test]
fn middleware_shows_who_may_pay_and_what_is_written_down() {
    let printed = lines(&common::example("middleware"));
    let mut at = 0;
    for line in [
        "    pay, attempt 1: failed: the bank is busy",
        "    pay, attempt 2: ended well",
        "    ada got 500 cents",
        "    command middleware::Pay was rejected by middleware require principal: it is made on behalf of nobody",
        "    (remembered)",
        "    command middleware::Pay was rejected by middleware validation: to is empty; cents must be more than 0",
        "    command middleware::Pay failed: there is no account eve",
        "    Pay for nobody was rejected by require principal: it is made on behalf of nobody",
        "    pay: 3 calls, 2 failed",
        "around `pay`: audit > require principal > timing > validation > retry",
    ] {
        let found = printed[at..].iter().position(|printed| printed == line);
        at += found
            .unwrap_or_else(|| panic!("`{line}` is not there, or not in its place: {printed:#?}"));
    }
    assert_eq!(printed.iter().filter(|line| line.contains(" got ")).count(), 1, "one was paid");
}

#[test]
fn filters_accounts_for_each_event() {
    let printed = lines(&common::example("filters"));
    let kept_out = |name: &str| -> u64 {
        let line = printed.iter().find(|line| line.trim_start().starts_with(name)).expect(name);
        line.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a number at its end")
    };
    assert_eq!(printed[1], "1200 events were published, 765 of them kept out");
    let before_the_queue = ["possible", "repeated", "100 an hour", "a tenth"].map(kept_out);
    assert_eq!(before_the_queue, [15, 75, 135, 540]);
    assert_eq!(before_the_queue.iter().sum::<u64>(), 765);
    assert!(printed.contains(&"stored 375, alarms 10, heartbeats 60".to_owned()), "{printed:#?}");
    let last = printed.last().expect("it says something");
    assert_eq!(last.trim(), "not called: the filter repeated keeps the event out");
}

#[test]
fn tower_sheds_what_there_is_no_room_for() {
    let printed = lines(&common::example("tower"));
    assert_eq!(
        printed,
        [
            "after burst 1: 2 rendered, 3 shed, 1 cut",
            "after burst 2: 4 rendered, 6 shed, 2 cut",
            "after burst 3: 6 rendered, 9 shed, 3 cut",
            "after burst 4: 8 rendered, 12 shed, 4 cut",
            "the renderer had at most 2 calls at a time",
        ]
    );
}

/// The number between two texts, in the first line that has one.
fn number(printed: &[String], before: &str, after: &str) -> u64 {
    let found = printed.iter().find_map(|line| {
        let (_, rest) = line.split_once(before)?;
        rest.split_once(after)?.0.trim().parse().ok()
    });
    found.unwrap_or_else(|| panic!("no number between `{before}` and `{after}`: {printed:#?}"))
}

#[test]
fn ordering_keeps_each_story_in_order_and_runs_them_side_by_side() {
    let printed = lines(&common::example("ordering"));
    let half = printed.iter().position(|line| line == "without a key:").expect("two halves");
    let (keyed, unordered) = printed.split_at(half);
    assert_eq!(
        (keyed[0].as_str(), keyed[1].trim(), keyed[2].trim(), keyed[4].trim()),
        (
            "a lane for each order:",
            "20 of 20 orders have their whole story, in order",
            "0 steps came too early",
            "order 7: placed, paid, invoiced, shipped",
        )
    );
    // 125 ms for each order.
    let work = number(keyed, "", "ms of work were done in");
    let elapsed = number(keyed, "done in", "ms");
    assert!(work >= 20 * 125 && elapsed >= 105, "{work} ms in {elapsed} ms");
    assert!(elapsed < work / 2, "orders wait for each other: {work} ms in {elapsed} ms");
    assert_eq!(number(unordered, "", "of 20 orders"), 0);
    let early = number(unordered, "", "steps came too early");
    let (_, failed) = printed.last().and_then(|line| line.split_once("completed, ")).expect("both");
    assert_eq!(format!("{early} failed"), failed);
}

#[test]
fn batching_writes_once_for_many_and_tells_them_apart() {
    let printed = lines(&common::example("batching"));
    let alone = number(&printed, "  297 on disk, by ", " writes");
    let last = printed.iter().rposition(|line| line.contains(" on disk, by ")).unwrap();
    let together = number(&printed[last..], "  297 on disk, by ", " writes");
    assert_eq!((alone, together), (297, 3));
    let refused = |handler: &str| {
        let start = format!("  {handler} refused: meter ");
        printed.iter().filter(|line| line.starts_with(&start)).count()
    };
    assert_eq!((refused("store_alone"), refused("store")), (3, 4));
    assert!(printed.contains(&"together, and told apart: true and false".to_owned()));
}

#[test]
fn schedule_cancels_moves_skips_and_names_what_was_not_due() {
    let printed = lines(&common::example("schedule"));
    // Without the times in front.
    let said: Vec<_> =
        printed.iter().map(|line| line.split_once(" s  ").map_or(&**line, |said| said.1)).collect();
    let mut at = 0;
    for line in [
        "invoice 1 is paid: no reminder",
        "invoices 2 and 4 are postponed: true, true",
        "a reminder of invoice 3",
        "invoice 3 is paid: after its reminder",
        "a reminder of invoice 2",
        "the books are still to be closed: true",
        "not due any more: 1 of schedule::Remind",
        "2 quotes expired, 1 reminder was not due",
    ] {
        let found = said[at..].iter().position(|said| *said == line);
        at += found.unwrap_or_else(|| panic!("`{line}` is not there, or too early: {printed:#?}"));
    }
    assert!(said.iter().any(|said| said.contains("the cron pattern \"at three\"")), "{printed:#?}");
    assert!(said.contains(&"quote 1 is traded"), "{printed:#?}");
    assert_eq!(said.iter().filter(|said| said.starts_with("a reminder")).count(), 2);
    assert!(said.iter().any(|said| said.starts_with("cron: second ")), "{printed:#?}");
    assert!(!said.contains(&"the books are closed"), "it is three o'clock: {printed:#?}");
    let (came, due) = (number(&printed, "heartbeat:", "of"), number(&printed, " of ", "came"));
    let skipped = number(&printed, "came,", "were skipped");
    assert!(skipped >= 3 && came + skipped == due, "{came} of {due}, {skipped} skipped");
    let report = printed.last().expect("it says something");
    assert!(report.ends_with("0 failed, 1 events not due yet"), "{report}");
}

#[test]
fn audit_has_each_event_once_and_the_view_accounts_for_what_it_missed() {
    let printed = lines(&common::example("audit"));
    for line in [
        "a lamp costs 2900 cents",
        "nobody tells what a sofa costs",
        "206 lines, 206 ids, 0 missing",
        "    audit::CacheCleared         1, 0 with data",
        "    audit::OrderPlaced        101, 101 with data",
        "    audit::PriceAsked           2, 2 with data",
        "    audit::PriceTold            1, 1 with data",
        "    shop.order_shipped        101, 101 with data",
        "    in the session till-1: 2",
    ] {
        assert!(printed.iter().any(|printed| printed == line), "no `{line}`: {printed:#?}");
    }
    let seen = number(&printed, "has seen", "and");
    let missed = number(&printed, "missed", "events");
    assert!(seen >= 10 && missed > 0 && seen + missed == 206, "{seen} seen, {missed} missed");
}

/// The bank fails for ten seconds: what was offered is paid, refused or a dead letter, and in the end nothing is
/// left.
#[test]
fn resilience_pauses_events_and_accounts_for_every_payment() {
    let printed = lines(&common::example("resilience"));
    assert_eq!(
        printed,
        [
            " 1.77 s  dead letter dl-1-1 of pay: failed (permanent), 1 attempts",
            " 5.00 s  20 deliveries: 20 settled, 0 wait",
            "10.00 s  40 deliveries: 40 settled, 0 wait",
            "10.78 s  dead letter dl-1-2 of settle: failed (transient), 4 attempts",
            "10.78 s  dead letter dl-1-3 of pay: failed (transient), 4 attempts",
            "10.86 s  circuit bank: closed -> open: 22 of 44 calls failed",
            "10.86 s  dead letter dl-1-4 of pay: failed (transient), 3 attempts",
            "10.87 s  dead letter dl-1-5 of pay: failed (transient), 1 attempts",
            "11.01 s  dead letter dl-1-6 of pay: failed (transient), 3 attempts",
            "14.86 s  circuit bank: open -> half-open: it is time for a probe",
            "14.88 s  circuit bank: half-open -> open: a probe failed",
            "15.00 s  60 deliveries: 40 settled, 18 wait",
            "20.00 s  80 deliveries: 40 settled, 39 wait",
            "22.88 s  circuit bank: open -> half-open: it is time for a probe",
            "22.92 s  circuit bank: half-open -> closed: the probes went well",
            "25.00 s  100 deliveries: 99 settled, 0 wait",
            "30.00 s  120 deliveries: 119 settled, 0 wait",
            "120 payments: 67 paid, 48 refused, 5 given up",
            "120 deliveries: 119 settled, 1 given up",
            "79 calls for payments, 131 for deliveries",
            "    5 x the bank does not answer",
            "    1 x the card was declined",
            "6 retried, 5 of them with success; 1 left, 0 gone",
            "    dead letter dl-1-1 was retried and has failed again: command resilience::Pay failed: the card was declined",
            "    order 8 is paid with another card",
            "6 dead letters came, 6 went well, 0 left",
            "192 charges: each payment that was not refused, and each delivery, once",
            "shut down: 120 handler runs completed, 1 failed",
        ]
    );
    // While it is open, the handler is called for a probe alone.
    let calls = number(&printed, "payments,", "for deliveries") - 120;
    assert!(calls < 15, "{calls} calls of 120 deliveries have failed");
}

/// One and the same trace goes through, the tree has all of it, the file too, and the bus is well again.
#[test]
fn tracing_shows_a_run_from_all_sides() {
    let output = Command::new(common::example("tracing")).output().expect("cargo builds it");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (printed, spans) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{spans}");
    let line = |begin: &str| {
        let line = printed.lines().find(|line| line.starts_with(begin));
        line.unwrap_or_else(|| panic!("no {begin:?} in\n{printed}")).to_owned()
    };
    let (came, goes) = (line("in  "), line("out "));
    assert_eq!(came[4..40], goes[4..40], "the same trace");
    assert_ne!(came[40..56], goes[40..56], "another span");
    for expected in [
        "command tracing::Order ",
        "├─ by order at examples/tracing.rs:",
        "└─ event tracing::Ordered ",
        "   ├─ by ship at ",
        ": there is no mail server, 1 attempt",
        "   └─ command tracing::Pack ",
        "      └─ by pack at ",
        "live, not ready: handler `check` at examples/tracing.rs:",
        "lines, 0 dropped; the first:",
        "\"what\":\"executing\"",
    ] {
        assert!(printed.contains(expected), "no {expected:?} in\n{printed}");
    }
    assert_eq!(printed.lines().filter(|line| *line == "live and ready").count(), 2, "{printed}");
    for expected in [
        "execute{",
        "publish{",
        "process{",
        "messaging.destination.name=\"tracing::Order\"",
        "is shipped",
    ] {
        assert!(spans.contains(expected), "no {expected:?} in\n{spans}");
    }
}
