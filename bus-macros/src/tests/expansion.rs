//! The expansions, pinned as files that a person can read. `UPDATE=1 cargo test -p bus-macros`
//! rewrites them.

use std::{env, fs};

use super::expand;
use crate::attribute::Attribute;

/// Compares the expansion with `tests/expansion/{name}.rs`.
fn check(name: &str, attribute: Attribute, args: &str, item: &str) {
    let file = syn::parse2(expand(attribute, args, item)).expect("the expansion is Rust");
    let expanded = prettyplease::unparse(&file);
    let path = format!("{}/tests/expansion/{name}.rs", env!("CARGO_MANIFEST_DIR"));
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &expanded).expect("the snapshot can be written");
    }
    let pinned = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(expanded, pinned, "{path} differs: UPDATE=1 rewrites it");
}

#[test]
fn command() {
    check(
        "command",
        Attribute::Command,
        r#"output = UserId, error = SignUpError, kind = create, timeout = "1500ms""#,
        "pub struct SignUp { pub email: String }",
    );
}

#[test]
fn generic_event() {
    check(
        "generic_event",
        Attribute::Event,
        "version = 2, crate = ::facade::messaging",
        "pub enum Changed<T: Clone = u8, const N: usize = 1> where T: Eq { Put(T), Removed([T; N]) }",
    );
}

#[test]
fn ordered_event() {
    check(
        "ordered_event",
        Attribute::Event,
        r#"stream = "orders", key = "order", ttl = "5m""#,
        "pub struct Paid { order: OrderId, pub cents: u64 }",
    );
}

#[test]
fn batch_handler() {
    check(
        "batch_handler",
        Attribute::Handler,
        "batch = 100, concurrency = 2",
        "async fn store(events: &[Arc<Paid>], db: &Res<Db>) -> Result<BatchOutcome, DbError> {}",
    );
}

#[test]
fn async_handler() {
    check(
        "async_handler",
        Attribute::Handler,
        r#"priority = -5, timeout = "5s""#,
        "pub(crate) async fn sign_up<'a>(command: SignUp, users: &'a Res<Users>, cx: &Context)
             -> Result<UserId, SignUpError> { users.add(command) }",
    );
}

#[test]
fn plain_handler() {
    check(
        "plain_handler",
        Attribute::Handler,
        "",
        "fn count(event: &SignedUp, counter: Res<Counter>) {}",
    );
}

#[test]
fn blocking_handler() {
    check(
        "blocking_handler",
        Attribute::Handler,
        r#"blocking, name = "audit.write""#,
        "fn write(event: Arc<SignedUp>) -> Result<(), io::Error> { append(&event) }",
    );
}

#[test]
fn limited_handler() {
    check(
        "limited_handler",
        Attribute::Handler,
        "concurrency = 4",
        "async fn index(event: &SignedUp) {}",
    );
}

#[test]
fn manual_handler() {
    check(
        "manual_handler",
        Attribute::Handler,
        "manual",
        "async fn fake(_: &SignUp) -> Result<UserId, Error> { Ok(UserId(7)) }",
    );
}

#[test]
fn handlers() {
    check(
        "handlers",
        Attribute::Handlers,
        "",
        r#"impl Mailer {
            pub fn new() -> Self { Self }

            #[handler]
            #[cfg(feature = "mail")]
            async fn welcome(&self, event: &SignedUp) -> Result<(), MailError> { self.send(event).await }

            /// Makes another one.
            #[bus::handler(priority = 1)]
            fn split(&self, _: Split) -> Result<Self, MailError> { Ok(Self) }
        }"#,
    );
}

#[test]
fn resource() {
    check(
        "resource",
        Attribute::Resource,
        "",
        "fn users(db: &Res<Database>) -> Result<Users, DatabaseError> { Users::open(db) }",
    );
}

#[test]
fn infallible_resource() {
    check(
        "infallible_resource",
        Attribute::Resource,
        "",
        "fn counter() -> Counter { Counter::new() }",
    );
}

#[test]
fn filter() {
    check(
        "filter",
        Attribute::Filter,
        r#"priority = 10, name = "size""#,
        "fn not_too_large(event: &FilterView<'_>) -> bool { true }",
    );
}

#[test]
fn filtered_handler() {
    check(
        "filtered_handler",
        Attribute::Handler,
        "filter = rules::is_large",
        "fn large(event: &Uploaded) {}",
    );
}

#[test]
fn handler_in_middleware() {
    check(
        "handler_in_middleware",
        Attribute::Handler,
        "middleware = [audit, rate_limit(Rate::per_second(5))]",
        "async fn pay(command: Pay) -> Result<(), PayError> {}",
    );
}

#[test]
fn middleware() {
    check(
        "middleware",
        Attribute::Middleware,
        "priority = 10, on = commands, per_attempt",
        "pub(crate) async fn audit(call: &mut Call<'_>, next: Next, log: &Res<Log>) -> Handled {}",
    );
}

#[test]
fn hook() {
    check(
        "hook",
        Attribute::Hook,
        "on = Paid",
        "fn ended(call: &HookCall<'_>, ended: &Ended<'_>) {}",
    );
}

#[test]
fn resilient_command() {
    check(
        "resilient_command",
        Attribute::Command,
        r#"timeout = "10s", attempt_timeout = "1s", retry,
           circuit_breaker(name = "bank", window_size = "30s")"#,
        "#[derive(Clone)] pub struct Pay { cents: u64 }",
    );
}

#[test]
fn resilient_handler() {
    check(
        "resilient_handler",
        Attribute::Handler,
        r#"retry(max_retries = 5, initial_delay = "50ms", max_delay = "10s",
                 exponential_base = 1.5, jitter = spread(0.5)),
           retry_if = PayError::is_transient,
           circuit_breaker(failure_threshold = 5, failure_ratio = 0.5, recovery_timeout = "30s",
                           success_threshold = 2),
           attempt_timeout = "250ms", concurrency = 4"#,
        "async fn pay(command: Pay) -> Result<Receipt, PayError> {}",
    );
}
