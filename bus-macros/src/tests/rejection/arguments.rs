//! Keys, commas, and what else stands between the parentheses.

use super::{argument, check};
use crate::attribute::Attribute::{Command, Event, Handler, Handlers, Resource};

#[test]
fn unknown_keys() {
    argument(Handler, "prioritty = 5", "prioritty", "did you mean `priority`?");
    argument(Handler, "prioritty = 5", "prioritty", "help: `#[handler]` takes `priority`, `name`");
    argument(Command, "retries = A<B, C>", "retries", "unknown argument `retries`\n");
    argument(Resource, "krate = ::x", "krate", "did you mean `crate`?");
    argument(Handler, "concurency = 4", "concurency", "did you mean `concurrency`?");
}

#[test]
fn keys_of_another_attribute() {
    argument(
        Event,
        "output = User",
        "output",
        "an event has no reply: `output` belongs on `#[command]`",
    );
    argument(Event, "error = Error", "error", "an event has no reply");
    argument(Event, "timeout = \"5s\"", "timeout", "belongs on the event's `#[handler]`s");
    argument(Event, "concurrency = 4", "concurrency", "belongs on the event's `#[handler]`s");
    argument(
        Command,
        "concurrency = 4",
        "concurrency",
        "`concurrency` belongs on `#[handler]`, not on `#[command]`",
    );
    argument(Event, "manual", "manual", "`manual` belongs on `#[handler]`, not on `#[event]`");
    argument(
        Command,
        "priority = 1",
        "priority",
        "`priority` belongs on `#[handler]`, not on `#[command]`",
    );
    argument(Handler, "output = User", "output", "`output` belongs on `#[command]`");
    argument(Handler, "version = 2", "version", "`version` belongs on `#[command]` or `#[event]`");
    argument(Handlers, "concurrency = 4", "concurrency", "on the `#[handler]` of a method");
    argument(Handlers, "priority = 1", "priority", "on the `#[handler]` of a method");
    argument(Resource, "name = \"x\"", "name", "`name` belongs on");
}

#[test]
fn doubled_keys() {
    argument(Handler, "priority = 1, priority = 2", "priority", "`priority` is given twice");
    argument(
        Handler,
        "concurrency = 1, concurrency = 2",
        "concurrency",
        "`concurrency` is given twice",
    );
    argument(Handler, "manual, manual", "manual", "`manual` is given twice");
    argument(Handler, "crate = ::a, crate = ::b", "crate", "`crate` is given twice");
}

#[test]
fn missing_values() {
    argument(Handler, "priority", "priority", "`priority` needs a value: `priority = 5`");
    argument(Handler, "priority =", "priority", "`priority` needs a value");
    argument(Handler, "priority =, manual", "priority", "`priority` needs a value");
    argument(Handler, "concurrency", "concurrency", "needs a value: `concurrency = 4`");
    argument(Command, "output", "output", "`output` needs a value: `output = User`");
    argument(Command, "name(\"x\")", "(\"x\")", "`name` is written `name = \"users.sign_up\"`");
    argument(Command, "output: User", ": User", "`output` is written `output = User`");
    argument(Handler, "manual = true", "= true", "`manual` takes no value");
}

#[test]
fn commas_and_garbage() {
    argument(Handler, "priority = 5 manual", "manual", "expected `,` before `manual`");
    argument(Handler, "manual priority = 5", "priority", "expected `,` before `priority`");
    argument(Command, "output = User error = E", "error", "expected `,` before `error`");
    argument(Handler, "priority = 5 6 7", "6", "expected `,` before `6`");
    argument(Handler, "manual(true)", "(true)", "expected `,`");
    argument(Handler, "5", "5", "takes arguments by name: `priority`, ");
    argument(Handler, "\"high\", manual", "\"high\"", "takes arguments by name");
    argument(Handler, ", manual", ",", "one comma too many");
    argument(Handler, "manual,, priority = 1", ",", "one comma too many");
    check(Handler, "manual, priority = 1,", "fn f(m: M) {}", &[]);
}

#[test]
fn all_mistakes_at_once() {
    check(
        Handler,
        "prioritty = 5, timeout = 5, name = \"\"",
        "async unsafe fn f<T>(m: &mut M, t: T) -> impl Reply {}",
        &[
            ("prioritty", "did you mean `priority`?"),
            ("5", "`timeout` is a duration in quotes"),
            ("\"\"", "`name` must not be empty"),
            ("unsafe", "cannot be `unsafe`"),
            ("T", "cannot be generic"),
            ("&mut M", "cannot be changed in place"),
            ("impl Reply", "the name of the reply"),
        ],
    );
}
