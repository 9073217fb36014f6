//! Programs of this workspace, for tests that run them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// An example of the root package. `cargo test` builds it before it runs the tests.
#[allow(dead_code, reason = "not every test that includes this runs examples")]
pub(crate) fn example(name: &str) -> PathBuf {
    program(&format!("examples/{name}"), &["--example", name])
}

/// The program of another package.
#[allow(dead_code, reason = "not every test that includes this runs other packages")]
pub(crate) fn package(name: &str) -> PathBuf {
    program(name, &["-p", name])
}

/// Where cargo puts it; built first, if `cargo test --test ..` was told to leave it out.
fn program(path: &str, args: &[&str]) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    let profile = test.parent().and_then(Path::parent).expect("target/<profile>/deps");
    let program = profile.join(path);
    if !program.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo).arg("build").args(args).status().expect("cargo runs");
        assert!(built.success(), "cargo build {args:?} failed");
    }
    program
}
