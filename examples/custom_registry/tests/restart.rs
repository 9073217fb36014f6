//! The program, started again and again on one file.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A file, deleted with what SQLite puts beside it.
struct TempFile(PathBuf);

impl TempFile {
    fn new(test: &str) -> Self {
        let name = format!("custom-registry-{}-{test}.sqlite", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        file.delete();
        file
    }

    fn delete(&self) {
        for end in ["", "-journal"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.0.display()));
        }
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        self.delete();
    }
}

fn program(file: &Path, args: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_custom-registry"));
    program.arg("--file").arg(file).args(args).output().expect("cargo builds the program")
}

/// What it prints, if it succeeds and complains of nothing.
fn lines(file: &TempFile, args: &[&str]) -> Vec<String> {
    let output = program(&file.0, args);
    let (printed, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && errors.is_empty(), "{args:?}: {printed}{errors}");
    printed.lines().map(str::to_owned).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Those of the handlers' lines.
fn called(lines: &[String]) -> Vec<&str> {
    let names = ["sign_up: ", "greet: ", "count: ", "import-1: "];
    let lines = lines.iter().map(|line| &**line);
    lines.filter(|line| names.iter().any(|name| line.starts_with(name))).collect()
}

/// Those of the rows, from `from` up to the next empty line: state, session and name.
fn rows<'a>(lines: &'a [String], from: &str) -> Vec<[&'a str; 3]> {
    let rows = lines.iter().skip_while(|line| *line != from).skip(1);
    let rows = rows.take_while(|line| !line.is_empty()).filter(|line| line.contains(", since "));
    let words = rows.map(|row| row.split_whitespace().collect::<Vec<_>>());
    words.map(|words| [words[0], words[1], words[2]]).collect()
}

/// All that `run` calls.
const ALL: [&str; 7] = [
    "sign_up: ada is user 1",
    "greet: welcome, ada",
    "count: 1 so far",
    "sign_up: grace is user 2",
    "greet: welcome, grace",
    "import-1: grace is imported",
    "count: 2 so far",
];
const COUNT: &str = "custom_registry::app::count";
const GREET: &str = "custom_registry::app::greet";
const SIGN_UP: &str = "custom_registry::app::sign_up";

#[test]
fn what_is_disabled_stays_so_until_it_is_enabled() {
    let file = TempFile::new("restart");
    let first = lines(&file, &["run"]);
    assert_eq!(called(&first), ALL);
    assert!(!first.iter().any(|line| line.starts_with("warning")), "{first:#?}");

    assert_eq!(lines(&file, &["disable", "greet"]), [format!("{GREET} is disabled")]);
    let second = lines(&file, &["run"]);
    let without: Vec<_> = ALL.into_iter().filter(|line| !line.starts_with("greet")).collect();
    assert_eq!(called(&second), without);
    let warning = &second[0];
    assert!(warning.starts_with("warning: handler `greet` at "), "{warning}");
    assert!(warning.contains("is not called: the registry does not list it"), "{warning}");
    let listed = rows(&second, "after it:");
    let disabled = ["disabled", "BUS", GREET];
    assert_eq!(listed, [["enabled", "BUS", COUNT], disabled, ["enabled", "BUS", SIGN_UP]]);

    assert_eq!(lines(&file, &["enable", GREET]), [format!("{GREET} is enabled")]);
    assert_eq!(called(&lines(&file, &["run"])), ALL);
}

#[test]
fn a_session_has_rows_while_it_is_open() {
    let file = TempFile::new("session");
    let printed = lines(&file, &["run"]);
    let of_bus = [COUNT, GREET, SIGN_UP].map(|name| ["enabled", "BUS", name]);
    let within = rows(&printed, "in the session:");
    assert_eq!(within[..3], of_bus);
    assert_eq!(within[3..], [["enabled", "import-1", "closure"]]);
    assert_eq!(rows(&printed, "after it:"), of_bus);
}

#[test]
fn a_handler_that_is_no_more_in_the_program_is_kept_as_gone() {
    let file = TempFile::new("gone");
    let before = lines(&file, &["list"]);
    let connection = rusqlite::Connection::open(&file.0).unwrap();
    let former = "INSERT INTO handlers VALUES ('BUS', 'former', 'Old', 'old.rs:1', '2001', 1)";
    connection.execute(former, []).unwrap();
    let row = connection.query_row("SELECT count(*) FROM handlers", [], |row| row.get::<_, u32>(0));
    assert_eq!((before.len(), row), (3, Ok(4)));
    let after = lines(&file, &["list"]);
    assert_eq!(after[..3], before, "`since` and all else are as they were");
    let former: Vec<_> = after[3].split_whitespace().collect();
    assert_eq!(former, ["gone", "BUS", "former", "Old", "old.rs:1,", "since", "2001"]);
}

#[test]
fn a_file_that_is_no_database_is_an_error_that_names_it() {
    let file = TempFile::new("corrupt");
    std::fs::write(&file.0, "this is not a database, and long enough to be none\n".repeat(40))
        .unwrap();
    for args in [&["run"][..], &["list"], &["disable", "greet"]] {
        let output = program(&file.0, args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert_eq!(text(&output.stdout), "");
        let expected = format!("custom-registry: {}: file is not a database\n", file.0.display());
        assert_eq!(text(&output.stderr), expected);
    }
}

#[test]
fn wrong_arguments_are_told_from_failures() {
    let file = TempFile::new("arguments");
    for args in [&["rum"][..], &["disable"], &["list", "run"], &["run", "--file"]] {
        let output = program(&file.0, args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains("usage: custom-registry"), "{args:?}");
    }
    assert!(lines(&file, &[])[0].starts_with("usage: "));
    assert!(!file.0.exists(), "none of them opened it");
    let unknown = program(&file.0, &["disable", "nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
    let said = text(&unknown.stderr);
    assert_eq!(said, "custom-registry: no handler is named `nobody`: see `list`\n");
}
