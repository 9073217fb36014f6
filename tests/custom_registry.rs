//! The example `custom-registry`: what is disabled stays so in the next process.

mod common;

use std::process::Command;

/// Its exit code, and all that it has printed.
fn run(file: &std::path::Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(common::package("custom-registry"));
    let output = command.args(args).arg("--file").arg(file).output().expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_handler_that_is_disabled_is_not_called_by_the_next_process() {
    let name = format!("custom-registry-{}.sqlite", std::process::id());
    let file = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&file);

    let (code, said) = run(&file, &["run"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("greet: welcome, ada"), "{said}");
    assert!(said.contains("import-1: grace is imported"), "the session's own handler: {said}");
    assert!(said.ends_with("shut down: 5 handler runs completed, 0 failed\n"), "{said}");

    let (code, said) = run(&file, &["disable", "greet"]);
    assert_eq!((code, &*said), (Some(0), "custom_registry::app::greet is disabled\n"));
    let (code, said) = run(&file, &["run"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("handler `greet` at examples/custom_registry/src/app.rs:"), "{said}");
    assert!(said.contains("is not called: the registry does not list it"), "{said}");
    assert!(!said.contains("greet: welcome"), "{said}");

    let (_, said) = run(&file, &["list"]);
    let state = |name: &str| said.lines().find(|line| line.contains(name)).map(|line| &line[..8]);
    assert_eq!(state("app::greet"), Some("disabled"), "{said}");
    assert_eq!(state("app::count"), Some("enabled "), "{said}");

    run(&file, &["enable", "greet"]);
    let (_, said) = run(&file, &["run"]);
    assert!(said.contains("greet: welcome, ada"), "{said}");

    let (code, said) = run(&file, &["disable", "nobody"]);
    assert_eq!(
        (code, &*said),
        (Some(1), "custom-registry: no handler is named `nobody`: see `list`\n")
    );
    std::fs::remove_file(&file).expect("it was made");
}
