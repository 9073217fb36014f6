//! The small examples print what their text says.

mod common;

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
