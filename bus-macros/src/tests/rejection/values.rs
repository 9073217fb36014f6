//! Values of the wrong kind, and of the right kind that mean nothing.

use super::{argument, check};
use crate::attribute::Attribute::{Command, Event, Handler};

#[test]
fn types_and_paths() {
    argument(
        Command,
        "output = \"User\"",
        "\"User\"",
        "`output` is a type, without quotes: `output = User`",
    );
    argument(Command, "error = 5", "5", "`error` is a type");
    argument(
        Command,
        "crate = \"bus\"",
        "\"bus\"",
        "`crate` is a path, without quotes: `crate = ::bus`",
    );
    for path in ["::bus", "facade::messaging", "crate", "self::bus", "super::x"] {
        check(Command, &format!("crate = {path}"), "struct S;", &[]);
    }
}

#[test]
fn names() {
    argument(Command, "name = users", "users", "`name` is a text in quotes");
    argument(Handler, "name = \" \"", "\" \"", "`name` must not be empty");
    check(
        Event,
        "name = \"put\"",
        "struct Put<T>(T);",
        &[("name", "all instances of `Put` would share it")],
    );
}

#[test]
fn kinds() {
    argument(
        Command,
        "kind = \"create\"",
        "\"create\"",
        "`kind` is a word, without quotes: `kind = create`",
    );
    argument(Command, "kind = craete", "craete", "did you mean `create`?");
    argument(Command, "kind = Delete", "Delete", "did you mean `delete`?");
    argument(
        Command,
        "kind = unknown",
        "unknown",
        "help: a command is `create`, `update`, `delete` or `other`",
    );
    argument(Command, "kind = domain", "domain", "`domain` is a kind of event, not of a command");
    argument(Event, "kind = create", "create", "`create` is a kind of command, not of an event");
    argument(Event, "kind = none", "none", "an event is `domain`, `system` or `integration`");
}

#[test]
fn numbers() {
    argument(
        Handler,
        "priority = \"high\"",
        "\"high\"",
        "`priority` is an integer: `priority = 5`",
    );
    argument(Handler, "priority = 1.5", "1.5", "`priority` is an integer");
    argument(Handler, "priority = -x", "-x", "`priority` is an integer");
    argument(Handler, "priority = 5u8", "5u8", "`priority` is an integer");
    argument(Handler, "priority = 2147483648", "2147483648", "must fit in an `i32`");
    argument(Handler, "priority = -2147483649", "-2147483649", "must fit in an `i32`");
    check(Handler, "priority = -2147483648", "fn f(m: M) {}", &[]);
    check(Handler, "priority = 1_000", "fn f(m: M) {}", &[]);
    argument(Command, "version = 0", "0", "versions count from 1");
    argument(Command, "version = \"2\"", "\"2\"", "`version` is a whole number: `version = 2`");
    argument(Command, "version = 2.0", "2.0", "`version` is a whole number");
    argument(Command, "version = -1", "-1", "`version` is a whole number");
    argument(Command, "version = 5000000000", "5000000000", "must fit in a `u32`");
}

#[test]
fn limits() {
    let rule = "`concurrency` is a whole number, at least 1: `concurrency = 4`";
    for wrong in ["\"4\"", "\"5s\"", "5s", "4u32", "4.0", "-4", "- 4", "FOUR"] {
        argument(Handler, &format!("concurrency = {wrong}"), wrong, rule);
    }
    argument(Handler, "concurrency = 0", "0", "leaves no run at all: leave the key out");
    argument(Handler, "concurrency = 0x0", "0x0", "leaves no run at all");
    argument(Handler, "concurrency = 4294967296", "4294967296", "a `u32`: at most 4294967295");
    for right in ["1", "1_000", "0x10", "4294967295"] {
        check(Handler, &format!("concurrency = {right}"), "fn f(m: M) {}", &[]);
    }
}

#[test]
fn durations() {
    argument(Command, "timeout = 5", "5", "`timeout` is a duration in quotes: `timeout = \"5s\"`");
    argument(Command, "timeout = 5s", "5s", "`timeout` is a duration in quotes");
    argument(Command, "timeout = \"5 days\"", "\"5 days\"", "not a unit of time");
    argument(Handler, "timeout = \"0ms\"", "\"0ms\"", "leaves no time at all");
    argument(
        Handler,
        "timeout = \"99999999999999999999h\"",
        "\"99999999999999999999h\"",
        "too long",
    );
}
