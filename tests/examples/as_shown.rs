//! Examples print what the README and their sources show.

use super::{common, lines, shown};

#[test]
fn quickstart_prints_what_the_readme_says() {
    let mut printed = lines(&common::example("quickstart"));
    let readme = include_str!("../../README.md");
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
    let readme = include_str!("../../README.md");
    let source = include_str!("../../examples/quickstart.rs");
    let (_, code) = source.split_once("\n\n").expect("a line of docs, then the code");
    assert!(readme.contains(code.trim()), "README.md and examples/quickstart.rs differ");
}

#[test]
fn backpressure_prints_what_its_source_shows() {
    let source = include_str!("../../examples/backpressure/main.rs");
    assert_eq!(lines(&common::example("backpressure")), shown("backpressure", source));
}

#[test]
fn testing_prints_what_its_source_shows() {
    let source = include_str!("../../examples/testing/main.rs");
    assert_eq!(lines(&common::example("testing")), shown("testing", source));
}
