//! Examples of handlers: those of modules that do not know each other, and middleware, filters and tower around them.

use super::{common, lines};

#[test]
fn modular_links_handlers_that_do_not_know_each_other() {
    let printed = lines(&common::package("modular-app")).join("\n");
    for expected in [
        "command modular_api::SignUp",
        "`sign_up` at examples/modular/users/src/lib.rs:",
        "event modular_api::UserSignedUp",
        "`greet` at examples/modular/mail/src/lib.rs:",
        "ada is user 1\n",
        "mail to grace: welcome, you are user 2\n",
        "command modular_api::SignUp failed: the name `ada` is taken\n",
        "shut down: ",
    ] {
        assert!(printed.contains(expected), "no {expected:?} in\n{printed}");
    }
}

#[test]
fn middleware_shows_who_may_pay_and_what_is_written_down() {
    let printed = lines(&common::example("middleware"));
    let mut at = 0;
    for line in [
        "    pay, attempt 1: failed: the bank is busy",
        "    pay, attempt 2: ended well",
        "    ada got 500 cents",
        "    command middleware::Pay was rejected by middleware require principal: it is made on behalf of nobody",
        "    (remembered)",
        "    command middleware::Pay was rejected by middleware validation: to is empty; cents must be more than 0",
        "    command middleware::Pay failed: there is no account eve",
        "    Pay for nobody was rejected by require principal: it is made on behalf of nobody",
        "    pay: 3 calls, 2 failed",
        "around `pay`: audit > require principal > timing > validation > retry",
    ] {
        let found = printed[at..].iter().position(|printed| printed == line);
        at += found
            .unwrap_or_else(|| panic!("`{line}` is not there, or not in its place: {printed:#?}"));
    }
    assert_eq!(printed.iter().filter(|line| line.contains(" got ")).count(), 1, "one was paid");
}

#[test]
fn filters_accounts_for_each_event() {
    let printed = lines(&common::example("filters"));
    let kept_out = |name: &str| -> u64 {
        let line = printed.iter().find(|line| line.trim_start().starts_with(name)).expect(name);
        line.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a number at its end")
    };
    assert_eq!(printed[1], "1200 events were published, 765 of them kept out");
    let before_the_queue = ["possible", "repeated", "100 an hour", "a tenth"].map(kept_out);
    assert_eq!(before_the_queue, [15, 75, 135, 540]);
    assert_eq!(before_the_queue.iter().sum::<u64>(), 765);
    assert!(printed.contains(&"stored 375, alarms 10, heartbeats 60".to_owned()), "{printed:#?}");
    let last = printed.last().expect("it says something");
    assert_eq!(last.trim(), "not called: the filter repeated keeps the event out");
}

#[test]
fn tower_sheds_what_there_is_no_room_for() {
    let printed = lines(&common::example("tower"));
    assert_eq!(
        printed,
        [
            "after burst 1: 2 rendered, 3 shed, 1 cut",
            "after burst 2: 4 rendered, 6 shed, 2 cut",
            "after burst 3: 6 rendered, 9 shed, 3 cut",
            "after burst 4: 8 rendered, 12 shed, 4 cut",
            "the renderer had at most 2 calls at a time",
        ]
    );
}
