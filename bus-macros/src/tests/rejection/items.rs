//! Attributes on items that they do not go on, messages, and `impl` blocks.

use super::{check, item};
use crate::attribute::Attribute::{Command, Event, Handler, Handlers, Resource};

#[test]
fn the_wrong_item() {
    item(
        Command,
        "fn f() {}",
        "f",
        "goes on a struct or an enum, not on a function\n\nhelp: the function",
    );
    item(Event, "union U { a: u8 }", "U", "not on a union\n\nhelp: put the union into a struct");
    item(Event, "trait T {}", "T", "not on a trait");
    item(Command, "impl S {}", "impl", "not on an `impl` block");
    item(Command, "type A = B;", "A", "not on a type alias");
    item(
        Handler,
        "struct S;",
        "S",
        "goes on a function, not on a struct\n\nhelp: a message is declared with",
    );
    item(Handler, "const X: u8 = 1;", "X", "not on a constant");
    item(Handler, "static X: u8 = 1;", "X", "not on a static");
    item(Handler, "mod m {}", "m", "not on a module");
    item(Handler, "impl S {}", "impl", "write `#[handlers]` here");
    item(Handler, "use a::b;", "use", "not on a `use`");
    item(Handlers, "struct S;", "S", "goes on the `impl` block of a type, not on a struct");
    item(Handlers, "fn f(m: M) {}", "f", "a function is a `#[handler]`");
    item(Handlers, "mod m { #[handler] fn f(m: M) {} }", "m", "write `#[handler]` on each");
    item(Resource, "static S: Store = Store;", "S", "write a function that returns the value");
}

/// Not even when its methods are marked: they would be reported once more.
#[test]
fn handlers_on_a_trait() {
    item(Handlers, "trait T { #[handler] fn f(&self, m: M); }", "T", "not on a trait");
    let expanded = super::expand(Handlers, "", "trait T { #[handler] fn f(&self, m: M); }");
    assert!(!expanded.to_string().contains("# [handler]"));
}

#[test]
fn a_function_without_a_body() {
    item(Handler, "fn f(m: M);", "fn f(m: M)", "a function with a body");
    item(Handler, "async fn f(&self, m: M);", "async fn f(&self, m: M)", "a function with a body");
}

#[test]
fn messages() {
    item(Event, "struct Borrowed<'a>(&'a str);", "'a", "a message cannot borrow");
    item(Command, "#[event] struct S;", "#[event]", "a command or an event, not both");
    item(Event, "#[bus::command(output = A)] struct S;", "#[bus::command(output = A)]", "not both");
    item(Command, "#[command] struct S;", "#[command]", "given twice");
}

/// Wrong arguments do not take the message away: who handles or sends it gets no second error.
#[test]
fn a_message_stays_one() {
    let expanded = super::expand(Command, "kind = x, output = User", "struct S;").to_string();
    assert!(expanded.contains("Message for S") && expanded.contains("Command < User"));
}

#[test]
fn impl_blocks() {
    item(
        Handlers,
        "impl T for S { #[handler] fn f(&self, m: M) {} }",
        "T",
        "not on that of a trait",
    );
    item(Handlers, "impl<D> S<D> { #[handler] fn f(&self, m: M) {} }", "D", "one concrete type");
    item(Handlers, "impl S { fn f(&self, m: M) {} }", "S", "no method here is a `#[handler]`");
    item(Handlers, "impl S {}", "S", "no method here is a `#[handler]`");
    item(Handlers, "impl dyn T { #[handler] fn f(&self, m: M) {} }", "dyn T", "that has a name");
    item(
        Handlers,
        "impl S { #[handler = 5] fn f(&self, m: M) {} }",
        "handler = 5",
        "in parentheses",
    );
    item(
        Handlers,
        "impl S { #[handler] #[handler] fn f(&self, m: M) {} }",
        "#[handler]",
        "given twice",
    );
    item(
        Handlers,
        "impl S { #[handler(manual)] fn f(&self, m: M) {} }",
        "manual",
        "needs a free function",
    );
}

#[test]
fn receivers() {
    let method = |receiver: &str, message: &str| {
        let block = format!("impl S {{ #[handler] fn f({receiver}, m: M) {{}} }}");
        item(Handlers, &block, receiver, message);
    };
    method("self", "a handler takes `&self`");
    method("mut self", "a handler takes `&self`");
    method("&mut self", "put what changes in a `Mutex`");
    method("self: Arc<Self>", "a handler takes `&self`");
    item(Handlers, "impl S { #[handler] fn f(m: M) {} }", "f", "takes no `&self`");
    item(
        Handlers,
        "impl S { #[handler] fn f(&self) {} }",
        "f",
        "`fn f(&self, command: MyCommand)`",
    );
    item(Handler, "fn f(&self, m: M) {}", "&self", "needs `#[handlers]` on the `impl` block");
}

/// A mistake in one method does not take the others away, nor the block.
#[test]
fn the_other_methods_stay() {
    let block =
        "impl S { #[handler] fn good(&self, m: M) {} #[handler] fn bad(&mut self, m: N) {} }";
    check(Handlers, "", block, &[("&mut self", "a handler takes `&self`")]);
    let expanded = super::expand(Handlers, "", block).to_string();
    assert!(expanded.contains("\"S::good\"") && !expanded.contains("\"S::bad\""));
}
