//! Order and expiry of events, and handlers of several at once.

use super::{argument, check};
use crate::attribute::Attribute::{Command, Event, Handler, Handlers};

const PAID: &str = "struct Paid { order_id: u64, cents: u64 }";

#[test]
fn a_key_is_a_field() {
    check(Event, "key = \"order_id\"", PAID, &[]);
    check(Event, "key = \"1\"", "struct Paid(u64, u64);", &[]);
    check(Event, "key = \"type\"", "struct Paid { r#type: u64 }", &[]);
    let no_field = |key: &str, item: &str, message: &str| {
        check(Event, &format!("key = {key}"), item, &[(key, message)]);
    };
    no_field("\"ordr_id\"", PAID, "`Paid` has no field `ordr_id`: did you mean `order_id`?");
    no_field("\"customer\"", PAID, "help: `key` is one of its fields: `order_id`, `cents`");
    no_field("\"2\"", "struct Paid(u64, u64);", "`Paid` has no field `2`");
    no_field("\"id\"", "struct Paid;", "help: `ordered` is one lane for all events of the type");
    no_field("\"id\"", "enum Paid { Cash { id: u64 } }", "help: put the key and the enum into");
    argument(Event, "key = order_id", "order_id", "`key` is the name of a field, in quotes");
    argument(Event, "key", "key", "`key` needs a value: `key = \"order_id\"`");
}

#[test]
fn one_order_at_a_time() {
    check(Event, "ordered, key = \"order_id\"", PAID, &[("ordered", "remove one of them")]);
    check(Event, "ordered, stream = \"orders\"", PAID, &[]);
    check(Event, "stream = \"orders\", key = \"order_id\"", PAID, &[]);
    argument(Event, "ordered = true", "= true", "`ordered` takes no value");
    argument(Event, "stream = orders", "orders", "`stream` is a text in quotes");
    argument(Event, "stream = \"\"", "\"\"", "`stream` must not be empty");
    argument(Command, "ordered", "ordered", "`ordered` belongs on `#[event]`, not on `#[command]`");
    argument(Handler, "key = \"id\"", "key", "`key` belongs on `#[event]`, not on `#[handler]`");
}

#[test]
fn a_ttl_is_some_time() {
    argument(Event, "ttl = \"0s\"", "\"0s\"", "leaves no time at all");
    argument(Event, "ttl = \"5\"", "\"5\"", "has no unit");
    argument(Event, "ttl = 5", "5", "`ttl` is a duration in quotes: `ttl = \"5m\"`");
    argument(Command, "ttl = \"5s\"", "ttl", "`ttl` belongs on `#[event]`");
}

#[test]
fn a_batch_and_a_slice_go_together() {
    let slice = "async fn store(events: &[Arc<Paid>]) {}";
    check(Handler, "batch = 100", slice, &[]);
    check(Handler, "", slice, &[("&[Arc<Paid>]", "`#[handler(batch = 100)]`")]);
    let takes_one = "takes them as a slice: `events: &[Arc<MyEvent>]`";
    for one in ["&Paid", "Paid", "Arc<Paid>", "&Vec<Arc<Paid>>"] {
        let one = format!("async fn store(event: {one}) {{}}");
        check(Handler, "batch = 100", &one, &[("batch", takes_one)]);
    }
    argument(Handler, "batch = 0", "0", "a batch of `0` events is never full: at least 1");
    argument(Handler, "batch = \"100\"", "\"100\"", "`batch` is a whole number, at least 1");
    argument(Handlers, "batch = 100", "batch", "on the `#[handler]` of a method");
    argument(Event, "batch = 100", "batch", "belongs on the event's `#[handler]`s");
    let mutable = "fn store(events: &mut [Arc<Paid>]) {}";
    check(Handler, "batch = 2", mutable, &[("&mut [Arc<Paid>]", "cannot be changed in place")]);
}
