//! What the papers name is there.

use std::fs;
use std::path::Path;

/// Every test that `tests/README.md` names exists.
#[test]
fn the_table_of_faults_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join("tests/README.md")).expect("it is in the repository");
    let sources = sources_in(&root.join("tests")) + &sources_in(&root.join("bus/src"));
    let named = table.split('`').skip(1).step_by(2);
    let tests: Vec<_> = named.filter(|name| !name.contains(['.', '/', ' '])).collect();
    assert!(tests.len() > 20, "the table names few tests: {tests:?}");
    for test in tests {
        assert!(sources.contains(&format!("fn {test}(")), "there is no test `{test}`");
    }
}

/// A test bus is built like the real one: but for its clock and its runtime, which are its own.
#[test]
fn a_test_bus_can_be_told_all_that_a_bus_can() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("bus/src");
    let read = |path: &str| fs::read_to_string(source.join(path)).expect("it is in the repository");
    let (building, settings) = (read("builder/mod.rs"), read("builder/settings.rs"));
    let verbs = [building, settings].join("").replace("pub fn ", "\u{0}");
    let names = verbs.split('\u{0}').skip(1).filter_map(|verb| verb.split(['(', '<']).next());
    let names: Vec<_> = names.filter(|name| !["clock", "runtime"].contains(name)).collect();
    assert!(names.len() > 25, "{names:?}");
    let testing = read("testing/builder.rs");
    for name in names {
        assert!(
            testing.contains(&format!("fn {name}(")) || testing.contains(&format!("fn {name}<")),
            "`TestBusBuilder` has no `{name}`"
        );
    }
}

/// The text of all sources in a folder and those within.
fn sources_in(folder: &Path) -> String {
    let mut sources = String::new();
    for file in fs::read_dir(folder).expect("it is in the repository") {
        let path = file.expect("readable").path();
        if path.is_dir() {
            sources += &sources_in(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources += &fs::read_to_string(path).expect("readable");
        }
    }
    sources
}
