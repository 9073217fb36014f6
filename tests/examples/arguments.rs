//! Examples refuse what they do not understand.

use std::ffi::OsStr;
#[cfg(unix)]
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use super::common;

#[test]
fn backpressure_refuses_arguments() {
    assert_eq!(ended("backpressure", &["--help"]).0, Some(0));
    let (code, error) = ended("backpressure", &["--fast"]);
    assert!(code == Some(2) && error.contains("`--fast` is not understood"), "{code:?} {error}");
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
