//! Examples of events: order, batches, schedules, and what is done when there are too many.

use super::{common, lines, number};

/// The table of the example is made of numbers that add up, and each strategy does what it says.
#[test]
fn backpressure_accounts_for_every_reading() {
    let printed = lines(&common::example("backpressure"));
    let row = |name: &str| -> Vec<usize> {
        let row = printed.iter().find(|line| line.starts_with(name));
        let numbers = row.expect("a row for each strategy").split_whitespace().skip(1).take(6);
        numbers.map(|number| number.parse().expect("a number")).collect()
    };
    // Published, refused, dropped, handled, the largest queue, waited.
    let block = row("Block");
    assert_eq!(block[..5], [1200, 0, 0, 1200, 200]);
    let reject = row("RejectNew");
    assert!(reject[1] > 500 && reject[0] == reject[3] && reject[2] == 0, "{reject:?}");
    let drop = row("DropOldest");
    assert!(drop[1] == 0 && drop[2] > 500 && drop[3] + drop[2] == 1200, "{drop:?}");
    let adaptive = row("AdaptiveRateLimit");
    assert!(adaptive[0] == adaptive[3] && adaptive[1] < reject[1] / 10, "{adaptive:?}");
    assert!(reject[5] == 0 && drop[5] == 0 && block[5] > 0 && adaptive[5] > 0, "who waits");
    for row in [block, reject, drop, adaptive] {
        assert_eq!((row[0] + row[1], row[4]), (1200, 200));
        assert_eq!(row[3] + row[2], row[0], "handled and dropped is what was published");
    }
}

#[test]
fn ordering_keeps_each_story_in_order_and_runs_them_side_by_side() {
    let printed = lines(&common::example("ordering"));
    let half = printed.iter().position(|line| line == "without a key:").expect("two halves");
    let (keyed, unordered) = printed.split_at(half);
    assert_eq!(
        (keyed[0].as_str(), keyed[1].trim(), keyed[2].trim(), keyed[4].trim()),
        (
            "a lane for each order:",
            "20 of 20 orders have their whole story, in order",
            "0 steps came too early",
            "order 7: placed, paid, invoiced, shipped",
        )
    );
    // 125 ms for each order.
    let work = number(keyed, "", "ms of work were done in");
    let elapsed = number(keyed, "done in", "ms");
    assert!(work >= 20 * 125 && elapsed >= 105, "{work} ms in {elapsed} ms");
    assert!(elapsed < work / 2, "orders wait for each other: {work} ms in {elapsed} ms");
    assert_eq!(number(unordered, "", "of 20 orders"), 0);
    let early = number(unordered, "", "steps came too early");
    let (_, failed) = printed.last().and_then(|line| line.split_once("completed, ")).expect("both");
    assert_eq!(format!("{early} failed"), failed);
}

#[test]
fn batching_writes_once_for_many_and_tells_them_apart() {
    let printed = lines(&common::example("batching"));
    let alone = number(&printed, "  297 on disk, by ", " writes");
    let last = printed.iter().rposition(|line| line.contains(" on disk, by ")).unwrap();
    let together = number(&printed[last..], "  297 on disk, by ", " writes");
    assert_eq!((alone, together), (297, 3));
    let refused = |handler: &str| {
        let start = format!("  {handler} refused: meter ");
        printed.iter().filter(|line| line.starts_with(&start)).count()
    };
    assert_eq!((refused("store_alone"), refused("store")), (3, 4));
    assert!(printed.contains(&"together, and told apart: true and false".to_owned()));
}

#[test]
fn schedule_cancels_moves_skips_and_names_what_was_not_due() {
    let printed = lines(&common::example("schedule"));
    // Without the times in front.
    let said: Vec<_> =
        printed.iter().map(|line| line.split_once(" s  ").map_or(&**line, |said| said.1)).collect();
    let mut at = 0;
    for line in [
        "invoice 1 is paid: no reminder",
        "invoices 2 and 4 are postponed: true, true",
        "a reminder of invoice 3",
        "invoice 3 is paid: after its reminder",
        "a reminder of invoice 2",
        "the books are still to be closed: true",
        "not due any more: 1 of schedule::Remind",
        "2 quotes expired, 1 reminder was not due",
    ] {
        let found = said[at..].iter().position(|said| *said == line);
        at += found.unwrap_or_else(|| panic!("`{line}` is not there, or too early: {printed:#?}"));
    }
    assert!(said.iter().any(|said| said.contains("the cron pattern \"at three\"")), "{printed:#?}");
    assert!(said.contains(&"quote 1 is traded"), "{printed:#?}");
    assert_eq!(said.iter().filter(|said| said.starts_with("a reminder")).count(), 2);
    assert!(said.iter().any(|said| said.starts_with("cron: second ")), "{printed:#?}");
    assert!(!said.contains(&"the books are closed"), "it is three o'clock: {printed:#?}");
    let (came, due) = (number(&printed, "heartbeat:", "of"), number(&printed, " of ", "came"));
    let skipped = number(&printed, "came,", "were skipped");
    assert!(skipped >= 3 && came + skipped == due, "{came} of {due}, {skipped} skipped");
    let report = printed.last().expect("it says something");
    assert!(report.ends_with("0 failed, 1 events not due yet"), "{report}");
}
