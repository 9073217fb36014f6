//! Programs of this workspace, for tests that run them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// An example of the root package. `cargo test` builds it before it runs the tests.
#[allow(dead_code, reason = "not every test that includes this runs examples")]
pub(crate) fn example(name: &str) -> PathBuf {
    program(&format!("examples/{name}"), &["--example", name])
}

/// The program of another package. An example is built with it, for then cargo asks its packages for the
/// same features as `cargo test` does, and most of them are there already.
#[allow(dead_code, reason = "not every test that includes this runs other packages")]
pub(crate) fn package(name: &str) -> PathBuf {
    program(name, &["--bin", name, "--example", "quickstart"])
}

/// Where cargo puts it; built first, if `cargo test --test ..` was told to leave it out, or if what
/// it is made of has changed since.
fn program(path: &str, args: &[&str]) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    let profile = test.parent().and_then(Path::parent).expect("target/<profile>/deps");
    let program = profile.join(path);
    let built = program.metadata().and_then(|meta| meta.modified()).ok();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources =
        ["examples", "bus/src", "bus-macros/src"].map(|folder| newest(&root.join(folder)));
    if built.is_none_or(|built| sources.into_iter().flatten().any(|changed| changed > built)) {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let release = profile.ends_with("release").then_some("--release");
        let built = Command::new(cargo).arg("build").args(args).args(release).status();
        assert!(built.expect("cargo runs").success(), "cargo build {args:?} failed");
    }
    program
}

/// When the newest file of a folder was changed.
fn newest(folder: &Path) -> Option<SystemTime> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let times = entries.filter_map(|entry| {
        let path = entry.path();
        if path.is_dir() { newest(&path) } else { entry.metadata().ok()?.modified().ok() }
    });
    times.max()
}
