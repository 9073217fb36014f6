//! Retries, circuit breakers, the timeout of an attempt, and limits.

use super::{argument, check};
use crate::attribute::Attribute::{Command, Event, Filter, Handler, Handlers, Resource};

/// One mistake inside of the parentheses, on both attributes that have them.
fn inside(part: &str, args: &str, at: &str, message: &str) {
    for attribute in [Command, Handler] {
        argument(attribute, &format!("{part}({args})"), at, message);
    }
}

#[test]
fn what_is_right() {
    for right in [
        "retry",
        "retry()",
        "retry, circuit_breaker",
        "retry(max_retries = 5, initial_delay = \"50ms\", max_delay = \"10s\", \
         exponential_base = 2.0, jitter = full,)",
        "retry(jitter = equal)",
        "retry(jitter = decorrelated)",
        "retry(jitter = none)",
        "retry(jitter = spread(0))",
        "retry(jitter = spread(1.0))",
        "retry(exponential_base = 1, initial_delay = \"1s\", max_delay = \"1s\")",
        "circuit_breaker(failure_threshold = 5, failure_ratio = 0.5, window_size = \"60s\", \
         recovery_timeout = \"30s\", success_threshold = 3, name = \"bank\")",
        "circuit_breaker(failure_ratio = 0)",
        "circuit_breaker(failure_ratio = 1)",
        "attempt_timeout = \"1s\", timeout = \"1s\"",
    ] {
        check(Command, right, "struct S;", &[]);
        check(Handler, right, "fn f(m: M) {}", &[]);
    }
    let fails = "fn f(m: M) -> Result<(), E> {}";
    check(Handler, "retry_if = E::is_transient", fails, &[]);
    check(Handler, "retry, retry_if = again, concurrency = 4", fails, &[]);
}

#[test]
fn where_they_belong() {
    let of_handlers = "belongs on the event's `#[handler]`s: each has its own";
    argument(Event, "retry", "retry", of_handlers);
    argument(Event, "retry(max_retries = 5)", "retry", of_handlers);
    argument(Event, "retry_if = again", "retry_if", of_handlers);
    argument(Event, "circuit_breaker(name = \"a, b\")", "circuit_breaker", of_handlers);
    argument(Event, "attempt_timeout = \"1s\"", "attempt_timeout", of_handlers);
    argument(Handlers, "retry", "retry", "`retry` belongs on the `#[handler]` of a method");
    argument(Command, "retry_if = again", "retry_if", "belongs on `#[handler]`, not on");
    let both = "belongs on `#[command]` or `#[handler]`, not on";
    argument(Resource, "retry", "retry", both);
    argument(Filter, "circuit_breaker", "circuit_breaker", both);
    argument(Filter, "attempt_timeout = \"1s\"", "attempt_timeout", both);
    check(
        Event,
        "retry, circuit_breaker, attempt_timeout = \"1s\"",
        "struct S;",
        &[
            ("retry", of_handlers),
            ("circuit_breaker", of_handlers),
            ("attempt_timeout", of_handlers),
        ],
    );
}

#[test]
fn how_they_are_written() {
    let retry = "`retry` is written `retry(max_retries = 5)`, or `retry` alone for the defaults";
    argument(Command, "retry = 5", "= 5", retry);
    argument(Handler, "retry = true", "= true", retry);
    argument(Handler, "retry { max_retries = 5 }", "{ max_retries = 5 }", retry);
    argument(Handler, "retry[5]", "[5]", retry);
    let breaker = "`circuit_breaker` is written `circuit_breaker(failure_threshold = 5)`";
    argument(Handler, "circuit_breaker = \"bank\"", "= \"bank\"", breaker);
    inside("retry", "5", "5", "`retry(..)` takes arguments by name: `max_retries`");
    inside("circuit_breaker", "\"bank\"", "\"bank\"", "takes arguments by name: `name`");
    inside("retry", "max_retries", "max_retries", "needs a value: `max_retries = 5`");
    inside("retry", "max_retries(5)", "(5)", "`max_retries` is written `max_retries = 5`");
    inside("retry", "max_retries = 5 jitter = full", "jitter", "expected `,` before `jitter`");
    inside("retry", "max_retries = 5,, jitter = full", ",", "one comma too many");
    argument(Handler, "priority = 5 retry(max_retries = 1)", "retry", "expected `,` before");
    argument(Handler, "retry circuit_breaker", "circuit_breaker", "expected `,` before");
}

#[test]
fn keys_inside() {
    inside("retry", "max_retrys = 5", "max_retrys", "did you mean `max_retries`?");
    inside("retry", "max_retrys = 5", "max_retrys", "help: `retry(..)` takes `max_retries`, `in");
    inside("retry", "times = 5", "times", "unknown argument `times`\n");
    inside("circuit_breaker", "windowsize = \"1s\"", "windowsize", "did you mean `window_size`?");
    inside(
        "retry",
        "failure_threshold = 5",
        "failure_threshold",
        "`failure_threshold` belongs in `circuit_breaker(..)`, not in `retry(..)`",
    );
    inside("circuit_breaker", "jitter = full", "jitter", "belongs in `retry(..)`, not in");
    inside("retry", "timeout = \"1s\"", "timeout", "belongs beside `retry(..)`, not in it");
    inside("retry", "max_retries = 1, max_retries = 2", "max_retries", "is given twice");
    argument(Handler, "retry, retry(max_retries = 2)", "retry", "`retry` is given twice");
    for attribute in [Command, Handler] {
        let in_retry = "`max_retries` belongs in `retry(..)`: write `retry(max_retries = 5)`";
        argument(attribute, "max_retries = 5", "max_retries", in_retry);
        let in_breaker = "belongs in `circuit_breaker(..)`: write `circuit_breaker(window_size =";
        argument(attribute, "window_size = \"1s\"", "window_size", in_breaker);
    }
    argument(Resource, "max_retries = 5", "max_retries", "unknown argument `max_retries`\n");
}

#[test]
fn counts() {
    let none = "`max_retries = 0` tries nothing again: leave `retry` out";
    inside("retry", "max_retries = 0", "0", none);
    inside("retry", "max_retries = -1", "-1", "is a whole number, at least 1: `max_retries = 5`");
    inside("retry", "max_retries = 2.5", "2.5", "is a whole number, at least 1");
    inside("retry", "max_retries = 5000000000", "5000000000", "must fit in a `u32`");
    inside("circuit_breaker", "failure_threshold = 0", "0", "opens it before anything has failed");
    inside("circuit_breaker", "success_threshold = 0", "0", "before anything went well");
    inside("circuit_breaker", "success_threshold = x", "x", "is a whole number, at least 1");
}

#[test]
fn numbers() {
    let base = "`exponential_base` is a number, at least 1: ";
    for wrong in ["0.99", "0", "-2.0", "- 2", "1e999", "\"2.0\"", "f64::NAN", "2.0f32", "2u8"] {
        inside("retry", &format!("exponential_base = {wrong}"), wrong, base);
    }
    let ratio = "`failure_ratio` is a number from 0 to 1: ";
    for wrong in ["1.01", "50", "-0.1", "NAN", "true"] {
        inside("circuit_breaker", &format!("failure_ratio = {wrong}"), wrong, ratio);
    }
}

#[test]
fn durations() {
    inside(
        "retry",
        "initial_delay = \"0ms\"",
        "\"0ms\"",
        "leave the key out for the default of 100",
    );
    inside("retry", "max_delay = \"0s\"", "\"0s\"", "leave the key out for the default of 10 s");
    inside("retry", "initial_delay = 50", "50", "a duration in quotes: `initial_delay = \"50ms\"`");
    inside("retry", "max_delay = \"10\"", "\"10\"", "has no unit");
    for key in ["window_size", "recovery_timeout"] {
        let zero = format!("{key} = \"0s\"");
        inside("circuit_breaker", &zero, "\"0s\"", "leave the key out for the default of 60 s");
    }
    let zero = "attempt_timeout = \"0s\"";
    argument(Handler, zero, "\"0s\"", "leave the key out for no limit of its own");
    let longer = "initial_delay = \"11s\", max_delay = \"10s\"";
    inside(
        "retry",
        longer,
        "initial_delay",
        "so that none would be 11s long: lengthen `max_delay`",
    );
    let longer = "timeout = \"1s\", attempt_timeout = \"2s\"";
    for attribute in [Command, Handler] {
        let why = "is longer than `timeout`, which ends all attempts together";
        argument(attribute, longer, "attempt_timeout", why);
    }
}

#[test]
fn jitters() {
    let jitter = |value: &str, at: &str, message: &str| {
        inside("retry", &format!("jitter = {value}"), at, message);
    };
    jitter("ful", "ful", "unknown jitter `ful`: did you mean `full`?");
    jitter("Equal", "Equal", "did you mean `equal`?");
    jitter("random", "random", "unknown jitter `random`\n\nhelp: it is `full`, `equal`,");
    jitter("\"full\"", "\"full\"", "`jitter` is one of `full`, `equal`,");
    jitter("0.5", "0.5", "`jitter` is one of `full`, `equal`,");
    jitter("full(0.5)", "(0.5)", "`full` takes no number: write `jitter = full`");
    jitter("spread", "spread", "`spread` says by how much of the delay");
    for wrong in ["1.5", "-0.5", "50", "0.5, 0.6", "NAN"] {
        jitter(&format!("spread({wrong})"), wrong, "a number from 0 to 1");
    }
    jitter("spread()", "()", "a number from 0 to 1");
    jitter("full equal", "equal", "expected `,` before `equal`");
}

#[test]
fn names() {
    let empty = "must not be empty: leave it out for a breaker that no other handler shares";
    inside("circuit_breaker", "name = \"\"", "\"\"", empty);
    inside("circuit_breaker", "name = bank", "bank", "a text in quotes: `name = \"bank\"`");
}

#[test]
fn retry_if_needs_an_error() {
    let check = |item: &str, message: &str| {
        check(Handler, "retry_if = again", item, &[("retry_if", message)]);
    };
    check("fn f(m: &M) {}", "this one returns nothing\n\nhelp: return `Result<(), E>`, or leave");
    check("async fn f(m: &M) -> () {}", "this one returns nothing");
    argument(Handler, "retry_if", "retry_if", "needs a value: `retry_if = is_transient`");
    super::check(
        Handler,
        "batch = 5, retry_if = again",
        "fn f(m: &[Arc<M>]) -> bus::BatchOutcome {}",
        &[("retry_if", "help: return `Result<BatchOutcome, E>`")],
    );
    super::check(
        Handler,
        "retry_if = |e| true",
        "fn f(m: M) -> Result<(), E> {}",
        &[(
            "|e| true",
            "`retry_if` is the path of a function, without quotes: `retry_if = is_transient`",
        )],
    );
}

#[test]
fn all_mistakes_at_once() {
    check(
        Handler,
        "retry(max_retries = 0, jiter = full, max_delay = 5), circuit_breaker(failure_ratio = 2), \
         concurrency = 0",
        "fn f(m: M) {}",
        &[
            ("0", "tries nothing again"),
            ("jiter", "did you mean `jitter`?"),
            ("5", "`max_delay` is a duration in quotes"),
            ("2", "`failure_ratio` is a number from 0 to 1"),
            ("0", "leaves no run at all"),
        ],
    );
}
