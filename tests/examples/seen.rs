//! Examples that account for all that goes on: audit, resilience, and tracing.

use std::process::Command;

use super::{common, lines, number};

#[test]
fn audit_has_each_event_once_and_the_view_accounts_for_what_it_missed() {
    let printed = lines(&common::example("audit"));
    for line in [
        "a lamp costs 2900 cents",
        "nobody tells what a sofa costs",
        "206 lines, 206 ids, 0 missing",
        "    audit::CacheCleared         1, 0 with data",
        "    audit::OrderPlaced        101, 101 with data",
        "    audit::PriceAsked           2, 2 with data",
        "    audit::PriceTold            1, 1 with data",
        "    shop.order_shipped        101, 101 with data",
        "    in the session till-1: 2",
    ] {
        assert!(printed.iter().any(|printed| printed == line), "no `{line}`: {printed:#?}");
    }
    let seen = number(&printed, "has seen", "and");
    let missed = number(&printed, "missed", "events");
    assert!(seen >= 10 && missed > 0 && seen + missed == 206, "{seen} seen, {missed} missed");
}

/// The bank fails for ten seconds: what was offered is paid, refused or a dead letter, and in the end nothing is
/// left.
#[test]
fn resilience_pauses_events_and_accounts_for_every_payment() {
    let printed = lines(&common::example("resilience"));
    assert_eq!(
        printed,
        [
            " 1.77 s  dead letter dl-1-1 of pay: failed (permanent), 1 attempts",
            " 5.00 s  20 deliveries: 20 settled, 0 wait",
            "10.00 s  40 deliveries: 40 settled, 0 wait",
            "10.78 s  dead letter dl-1-2 of settle: failed (transient), 4 attempts",
            "10.78 s  dead letter dl-1-3 of pay: failed (transient), 4 attempts",
            "10.86 s  circuit bank: closed -> open: 22 of 44 calls failed",
            "10.86 s  dead letter dl-1-4 of pay: failed (transient), 3 attempts",
            "10.87 s  dead letter dl-1-5 of pay: failed (transient), 1 attempts",
            "11.01 s  dead letter dl-1-6 of pay: failed (transient), 3 attempts",
            "14.86 s  circuit bank: open -> half-open: it is time for a probe",
            "14.88 s  circuit bank: half-open -> open: a probe failed",
            "15.00 s  60 deliveries: 40 settled, 18 wait",
            "20.00 s  80 deliveries: 40 settled, 39 wait",
            "22.88 s  circuit bank: open -> half-open: it is time for a probe",
            "22.92 s  circuit bank: half-open -> closed: the probes went well",
            "25.00 s  100 deliveries: 99 settled, 0 wait",
            "30.00 s  120 deliveries: 119 settled, 0 wait",
            "120 payments: 67 paid, 48 refused, 5 given up",
            "120 deliveries: 119 settled, 1 given up",
            "79 calls for payments, 131 for deliveries",
            "    5 x the bank does not answer",
            "    1 x the card was declined",
            "6 retried, 5 of them with success; 1 left, 0 gone",
            "    dead letter dl-1-1 was retried and has failed again: command resilience::Pay failed: the card was declined",
            "    order 8 is paid with another card",
            "6 dead letters came, 6 went well, 0 left",
            "192 charges: each payment that was not refused, and each delivery, once",
            "shut down: 120 handler runs completed, 1 failed",
        ]
    );
    // While it is open, the handler is called for a probe alone.
    let calls = number(&printed, "payments,", "for deliveries") - 120;
    assert!(calls < 15, "{calls} calls of 120 deliveries have failed");
}

/// One and the same trace goes through, the tree has all of it, the file too, and the bus is well again.
#[test]
fn tracing_shows_a_run_from_all_sides() {
    let output = Command::new(common::example("tracing")).output().expect("cargo builds it");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (printed, spans) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{spans}");
    let line = |begin: &str| {
        let line = printed.lines().find(|line| line.starts_with(begin));
        line.unwrap_or_else(|| panic!("no {begin:?} in\n{printed}")).to_owned()
    };
    let (came, goes) = (line("in  "), line("out "));
    assert_eq!(came[4..40], goes[4..40], "the same trace");
    assert_ne!(came[40..56], goes[40..56], "another span");
    for expected in [
        "command tracing::Order ",
        "├─ by order at examples/tracing.rs:",
        "└─ event tracing::Ordered ",
        "   ├─ by ship at ",
        ": there is no mail server, 1 attempt",
        "   └─ command tracing::Pack ",
        "      └─ by pack at ",
        "live, not ready: handler `check` at examples/tracing.rs:",
        "lines, 0 dropped; the first:",
        "\"what\":\"executing\"",
    ] {
        assert!(printed.contains(expected), "no {expected:?} in\n{printed}");
    }
    assert_eq!(printed.lines().filter(|line| *line == "live and ready").count(), 2, "{printed}");
    for expected in [
        "execute{",
        "publish{",
        "process{",
        "messaging.destination.name=\"tracing::Order\"",
        "is shipped",
    ] {
        assert!(spans.contains(expected), "no {expected:?} in\n{spans}");
    }
}
