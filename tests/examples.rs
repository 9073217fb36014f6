//! The small examples print what their text says.

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

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
        let numbers = row.expect("a row for each strategy").split_whitespace().skip(1).take(5);
        numbers.map(|number| number.parse().expect("a number")).collect()
    };
    // Accepted, refused, dropped, stored, the largest queue.
    assert_eq!(row("Block"), [1200, 0, 0, 1200, 200]);
    let reject = row("RejectNew");
    assert!(reject[1] > 500 && reject[0] == reject[3] && reject[2] == 0, "{reject:?}");
    let drop = row("DropOldest");
    assert!(drop[1] == 0 && drop[2] > 500 && drop[3] + drop[2] == 1200, "{drop:?}");
    let adaptive = row("AdaptiveRateLimit");
    assert!(adaptive[0] == adaptive[3] && adaptive[1] < reject[1] / 10, "{adaptive:?}");
    for row in [reject, drop, adaptive] {
        assert_eq!((row[0] + row[1], row[4]), (1200, 200));
    }
}

/// Ctrl-C, as a terminal sends it.
#[cfg(unix)]
#[test]
fn shutdown_hears_ctrl_c_and_says_what_it_left() {
    let mut service = Command::new(common::example("shutdown"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("cargo builds the examples with the tests");
    let mut output = BufReader::new(service.stdout.take().expect("piped")).lines();
    let mut until = |end: &str| -> Vec<String> {
        let mut seen = Vec::new();
        for line in output.by_ref().map(|line| line.expect("text")) {
            seen.push(line);
            if seen.last().is_some_and(|line| line.starts_with(end)) {
                return seen;
            }
        }
        panic!("no {end:?} in {seen:#?}");
    };
    until("upload 1");
    let pid = service.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status().expect("there is `kill`");
    assert!(sent.success());
    until("shutting down");
    let end = until("shut down: ");
    assert!(end.iter().any(|line| line.contains("the intake is closed")), "{end:#?}");
    assert!(end.iter().any(|line| line.starts_with("watch: asked to stop")), "{end:#?}");
    let report = end.last().expect("the line that was waited for");
    assert!(report.ends_with(" 0 failed, cut off: stuck"), "{report}");
    assert_eq!(service.wait().expect("it has ended").code(), Some(3));
}

#[test]
fn shutdown_refuses_arguments_that_it_does_not_know() {
    let run = |args: &[&str]| {
        let output = Command::new(common::example("shutdown")).args(args).output();
        let output = output.expect("cargo builds the examples with the tests");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (args, text) in [
        (&["--seconds"][..], "needs a number"),
        (&["--seconds", "soon"], "`soon` is not a number"),
        (&["now"], "`now` is not understood"),
    ] {
        let (code, error) = run(args);
        assert!(code == Some(2) && error.contains(text), "{args:?}: {code:?} {error}");
    }
    assert_eq!(run(&["--help"]).0, Some(0));
}
