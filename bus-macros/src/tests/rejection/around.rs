//! What `#[middleware]` and `#[hook]` reject, and the key `middleware`.

use super::{argument, item};
use crate::attribute::Attribute::{Command, Event, Handler, Handlers, Hook, Middleware};

#[test]
fn a_middleware_is_a_free_async_function() {
    item(
        Middleware,
        "fn f(call: &mut Call<'_>, next: Next) -> Handled {}",
        "fn",
        "a middleware is an `async fn`: it waits for what comes after it\n\n\
         help: what needs no future is a `#[hook]`, which is called before or after a handler",
    );
    item(
        Middleware,
        "async fn f(&self, call: &mut Call<'_>, next: Next) -> Handled {}",
        "&self",
        "a middleware is a free function: there is no instance to call it on\n\n\
         help: take what it needs as `&Res<T>`, or implement `Middleware` for the type and give the \
         instance to `Bus::builder().middleware(..)`",
    );
    item(
        Middleware,
        "async fn f<T>(call: &mut Call<'_>, next: Next) -> Handled {}",
        "T",
        "a middleware cannot be generic: it wraps handlers of all types\n\n\
         help: `call.get::<M>()` is the message, if it is of type `M`",
    );
    item(
        Middleware,
        "async fn f(call: &mut Call<'_>, next: Next, log: impl Log) -> Handled {}",
        "impl Log",
        "a middleware parameter has one concrete type, not `impl Trait`",
    );
    item(
        Middleware,
        "async fn f(call: &mut Call<'_>) -> Handled {}",
        "f",
        "middleware `f` does not take what it wraps\n\n\
         help: write `async fn f(call: &mut Call<'_>, next: Next) -> Handled`",
    );
    item(
        Middleware,
        "#[middleware] async fn f(call: &mut Call<'_>, next: Next) -> Handled {}",
        "#[middleware]",
        "`#[middleware]` is given twice: remove one",
    );
}

#[test]
fn a_hook_is_a_plain_function_of_one_or_two_parameters() {
    let help =
        "help: write `fn f(call: &HookCall<'_>)` or `fn f(call: &HookCall<'_>, ended: &Ended<'_>)`";
    for parameters in ["", "call: &HookCall<'_>, ended: &Ended<'_>, log: &Res<Log>"] {
        item(
            Hook,
            &format!("fn f({parameters}) {{}}"),
            "f",
            &format!(
                "hook `f` is called before a handler, with the call, or after it, with how it has \
                 ended\n\n{help}"
            ),
        );
    }
    item(
        Hook,
        "fn f(&self, call: &HookCall<'_>) {}",
        "&self",
        "a hook is a free function: there is no instance to call it on\n\n\
         help: implement `Hook` for the type, and give the instance to `Bus::builder().hook(..)`",
    );
    item(
        Hook,
        "fn f<M>(call: &HookCall<'_>) {}",
        "M",
        "a hook cannot be generic: it is called for messages of all types\n\n\
         help: `call.get::<M>()` is the message, if it is of type `M`",
    );
}

#[test]
fn the_keys_stand_where_they_belong() {
    argument(
        Middleware,
        "on = \"commands\"",
        "\"commands\"",
        "`on` is `commands`, `events` or a message type: `on = commands`",
    );
    argument(
        Middleware,
        "per_attempt = true",
        "= true",
        "`per_attempt` takes no value: write `per_attempt`, or leave it out",
    );
    argument(
        Hook,
        "per_attempt",
        "per_attempt",
        "`per_attempt` belongs on `#[middleware]`, not on `#[hook]`\n\n\
         help: `#[hook]` takes `priority`, `name`, `on` and `crate`",
    );
    argument(Handler, "middleware = []", "[]", "`middleware` names none: leave the key out");
    argument(
        Handler,
        "middleware = 5",
        "5",
        "`middleware` is the name of a `#[middleware]` function, what makes one, or several of them \
         in brackets: `middleware = audit`",
    );
    argument(
        Event,
        "middleware = audit",
        "middleware",
        "`middleware` belongs on the event's `#[handler]`s: each has its own\n\n\
         help: `#[event]` takes `kind`, `name`",
    );
    argument(
        Command,
        "middleware = audit",
        "middleware",
        "`middleware` belongs on `#[handler]`, not on `#[command]`\n\n\
         help: `#[command]` takes `output`, `error`, `kind`, `name`, `version`, `timeout`, `attempt_timeout`, `retry`, \
         `circuit_breaker` and `crate`",
    );
    argument(
        Handlers,
        "middleware = audit",
        "middleware",
        "`middleware` belongs on the `#[handler]` of a method, not on the `impl`\n\n\
         help: `#[handlers]` takes `crate`",
    );
}

#[test]
fn what_has_a_state_implements_the_trait() {
    item(
        Middleware,
        "struct Audit;",
        "Audit",
        "`#[middleware]` goes on an `async fn` that wraps the calls of handlers, not on a struct\n\n\
         help: a middleware that has a state implements `Middleware`, and is given to \
         `Bus::builder().middleware(..)`",
    );
    item(
        Hook,
        "struct Count;",
        "Count",
        "`#[hook]` goes on a function that is told of the runs of handlers, not on a struct\n\n\
         help: a hook that has a state implements `Hook`, and is given to `Bus::builder().hook(..)`",
    );
}
