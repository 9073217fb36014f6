//! The example `sessions`.

use super::{common, lines, shown};

/// Each job of the example is heard by its own listener alone, and ends as it should.
#[test]
fn sessions_are_heard_by_their_own_listeners_and_end_in_all_ways() {
    let printed = lines(&common::example("sessions"));
    assert_eq!(printed, shown("sessions", include_str!("../../examples/sessions/main.rs")));
    let row = |name: &str| -> Vec<u64> {
        let rows = printed.iter().skip_while(|line| !line.starts_with("session "));
        let row =
            rows.map(|line| line.split_whitespace()).find(|row| row.clone().next() == Some(name));
        let numbers = row.expect("a row for each session").skip(1).take(4);
        numbers.map(|number| number.parse().expect("a number")).collect()
    };
    // Rows, imported, written, heard.
    assert_eq!(row("import-1"), [5, 5, 5, 5]);
    assert_eq!(row("import-2"), [4, 4, 0, 4], "a dry run writes nothing");
    assert_eq!(row("import-3"), [4, 2, 2, 2], "up to the row that is wrong");
    assert_eq!(row("import-4"), [4, 2, 2, 2], "up to its cancellation");
    let files = [row("import-5/a.csv"), row("import-5/b.csv")];
    assert_eq!(row("import-5"), [0, 0, 0, files[0][3] + files[1][3]], "it hears what is inside");
    for said in [
        "import-1: 100 %",
        "import-1: ended after 50ms",
        "import-4: failed after 25ms: it was cancelled",
        "import-5/a.csv: starts, inside import-5",
    ] {
        assert!(printed.iter().any(|line| line == said), "no {said:?} in {printed:#?}");
    }
    let failed = printed.iter().find(|line| line.starts_with("import-3: failed"));
    assert!(failed.is_some_and(|line| line.ends_with("line 3: `4o` is no amount")), "{failed:?}");
}
