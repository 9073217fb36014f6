//! The small examples print what their text says.

mod arguments;
mod as_shown;
#[path = "../common/mod.rs"]
mod common;
mod events;
mod handlers;
mod seen;
mod sessions;
mod shutdown;

use std::path::Path;
use std::process::Command;

fn lines(program: &Path) -> Vec<String> {
    let output = Command::new(program).output().expect("cargo builds the examples with the tests");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}", program.display());
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

/// The run that the docs of an example show.
fn shown(example: &str, source: &str) -> Vec<String> {
    let (_, sample) = source.split_once(&format!("--example {example}\n")).expect("it shows a run");
    let sample = sample.lines().take_while(|line| *line != "//! ```");
    let sample = sample.map(|line| line.strip_prefix("//!").expect("docs"));
    sample.map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned()).collect()
}

/// The number between two texts, in the first line that has one.
fn number(printed: &[String], before: &str, after: &str) -> u64 {
    let found = printed.iter().find_map(|line| {
        let (_, rest) = line.split_once(before)?;
        rest.split_once(after)?.0.trim().parse().ok()
    });
    found.unwrap_or_else(|| panic!("no number between `{before}` and `{after}`: {printed:#?}"))
}
