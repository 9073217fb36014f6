//! What is said of retries, breakers and the like: which wins, and what is refused.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::prelude::*;
use bus::{
    CircuitBreakerConfig, HandlerConfig, HandlerOptions, Jitter, RegisterError, Resilience,
    RetryBudget, RetryConfig,
};

const SECOND: Duration = Duration::from_secs(1);

/// Not `Clone`.
#[command(retry(max_retries = 5))]
struct Once;
#[handler(manual)]
async fn by_value(_: Once) -> bus::Result<()> {
    Ok(())
}
#[handler(manual)]
async fn by_reference(_: &Once) -> bus::Result<()> {
    Ok(())
}
#[handler(manual, retry(max_retries = 7))]
async fn says_more(_: &Once) -> bus::Result<()> {
    Ok(())
}

#[command]
struct Silent;
#[handler(manual)]
async fn silent(_: Silent) -> bus::Result<()> {
    Ok(())
}
#[event]
struct Said;
#[handler(manual)]
async fn hear(_: &Said) {}

fn builder() -> bus::Builder {
    Bus::builder().without_registered()
}

fn problems(builder: bus::Builder) -> Vec<String> {
    match builder.build() {
        Ok(_) => Vec::new(),
        Err(error) => error.problems().iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn numbers_that_make_no_sense_are_refused_with_their_range() {
    type Set = fn(HandlerConfig) -> HandlerConfig;
    let cases: &[(Set, &str)] = &[
        (
            |h| h.retry(RetryConfig { max_retries: 0, ..RetryConfig::default() }),
            "`max_retries` is 0 for the handler `hear` at {}, and must be at least 1: leave the retry out for none",
        ),
        (
            |h| h.retry(RetryConfig { initial_delay: 60 * SECOND, ..RetryConfig::default() }),
            "`initial_delay` is 60s for the handler `hear` at {}, and must be at most the `max_delay`",
        ),
        (
            |h| h.retry(RetryConfig { exponential_base: f64::NAN, ..RetryConfig::default() }),
            "`exponential_base` is NaN for the handler `hear` at {}, and must be at least 1, and finite",
        ),
        (
            |h| h.retry(RetryConfig { jitter: Jitter::Spread(-0.5), ..RetryConfig::default() }),
            "`jitter` is Spread(-0.5) for the handler `hear` at {}, and must be a spread from 0 to 1",
        ),
        (
            |h| h.delayed_retries([SECOND, Duration::ZERO]),
            "`delayed_retries` is 0 s for the handler `hear` at {}, and must be longer than that",
        ),
        (
            |h| h.attempt_timeout(Duration::ZERO),
            "`attempt_timeout` is 0 s for the handler `hear` at {}, and must be longer than that",
        ),
        (
            |h| h.timeout(SECOND).attempt_timeout(2 * SECOND),
            "`attempt_timeout` is 2s where that is 1s for the handler `hear` at {}, and must be at most the timeout of all attempts",
        ),
        (
            |h| h.waiting_room(3),
            "`waiting_room` is given for the handler `hear` at {}, and must be left out: it is for commands whose handler has a `concurrency`",
        ),
    ];
    for (set, expected) in cases {
        let told = problems(builder().handler::<hear>().configure::<hear>(set));
        let [told] = &*told else { panic!("{told:?} for {expected}") };
        let place = told.find("tests/").map_or("", |at| &told[at..]);
        let place = place.split([',', ' ']).next().unwrap_or_default();
        assert_eq!(*told, expected.replace("{}", place));
    }
}

#[test]
fn so_are_those_of_breakers_and_budgets_all_at_once() {
    let breaker = CircuitBreakerConfig {
        failure_threshold: 0,
        failure_ratio: 1.5,
        window_size: Duration::ZERO,
        ..CircuitBreakerConfig::default()
    };
    let all = Resilience::default()
        .circuit_breaker(breaker)
        .budget(RetryBudget::new(-1.0, 10))
        .attempt_timeout(Duration::ZERO);
    let told = problems(builder().resilient(all)).join("\n");
    for setting in ["failure_threshold", "failure_ratio", "window_size", "ratio", "attempt_timeout"]
    {
        assert!(told.contains(&format!("`{setting}` is ")), "{setting}: {told}");
    }
}

#[test]
fn a_handler_that_cannot_be_called_again_cannot_be_told_to() {
    let told = problems(builder().handler::<by_value>());
    let [told] = &*told else { panic!("{told:?}") };
    assert!(told.starts_with("`retry` is declared for handler `by_value` at tests/"), "{told}");
    assert!(
        told.ends_with(
            "takes command resilience_settings::Once by value, so that it is gone when it was called: let the handler take `&Once`, or derive `Clone` for `Once`"
        ),
        "{told}"
    );
    let told =
        problems(builder().handler::<silent>().configure::<silent>(|h| h.dead_letters(true)));
    assert!(told[0].starts_with("`dead_letters` is declared for handler `silent`"), "{told:?}");
    // At run time too.
    let bus = builder().build().unwrap();
    let options = HandlerOptions::new().retry(RetryConfig::default());
    let refused = bus.register_command_handler_with(options, |_: Silent, _: OwnedContext| async {
        Ok::<_, bus::Error>(())
    });
    let error = refused.unwrap_err();
    assert!(matches!(error, RegisterError::Setting { .. }), "{error}");
    assert!(
        error.to_string().starts_with("`retry` is declared for handler `closure` at"),
        "{error}"
    );
    let shares = |_: Arc<Silent>, _: OwnedContext| async { Ok::<_, bus::Error>(()) };
    let options = HandlerOptions::new().retry(RetryConfig::default());
    bus.register_command_handler_with(options, shares).unwrap();
}

#[test]
fn where_all_are_resilient_it_is_left_out_with_a_note() {
    let bus = builder().handler::<silent>().handler::<hear>().resilient(Resilience::default());
    let bus = bus.build().unwrap();
    let [note] = bus.wiring().warnings() else { panic!("{:?}", bus.wiring().warnings()) };
    assert!(note.starts_with("handler `silent` at tests/"), "{note}");
    assert!(note.ends_with("let it take `&Silent`, or derive `Clone` for that"), "{note}");
}

#[test]
fn what_is_nearer_to_the_handler_counts() {
    let retries = |builder: bus::Builder| {
        let bus = builder.build().unwrap();
        let messages = bus.describe().messages;
        let of_commands = messages.iter().filter(|message| message.is_command);
        of_commands.flat_map(|m| &m.handlers).map(|handler| handler.retries).collect::<Vec<_>>()
    };
    let two = RetryConfig { max_retries: 2, ..RetryConfig::default() };
    let resilient = || builder().resilient(Resilience::default().retry(two));
    assert_eq!(
        retries(resilient().handler::<by_reference>()),
        [5],
        "the message's before the bus's"
    );
    assert_eq!(
        retries(resilient().handler::<says_more>()),
        [7],
        "the handler's before the message's"
    );
    let configured = resilient().handler::<says_more>().configure::<says_more>(|h| h.retry(two));
    assert_eq!(retries(configured), [2], "the operator's before all");
    let none = resilient().handler::<says_more>().configure::<says_more>(|h| h.no_retry());
    assert_eq!(retries(none), [0]);
}

// Slow handlers.

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);
impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[command(timeout = "60s")]
struct Crawl;
#[handler(manual)]
async fn crawl(_: &Crawl) -> bus::Result<()> {
    tokio::time::sleep(50 * SECOND).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_is_said_to_be_with_its_place() {
    let lines = Lines::default();
    let written = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || written.clone())
        .with_ansi(false)
        .without_time()
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    builder().handler::<crawl>().build().unwrap().execute(Crawl).await.unwrap();
    let text = String::from_utf8(std::mem::take(&mut *lines.0.lock().unwrap())).unwrap();
    let slow: Vec<_> = text.lines().filter(|line| line.contains("a handler is slow")).collect();
    let after = ["taken=5s", "taken=10s", "taken=20s", "taken=40s"];
    assert_eq!(slow.len(), after.len(), "{text}");
    for (line, after) in slow.iter().zip(after) {
        assert!(
            line.contains(after) && line.contains("at=tests/resilience_settings.rs:"),
            "{line}"
        );
    }
    let quiet = builder().handler::<crawl>().slow_handler_after(None).build().unwrap();
    quiet.execute(Crawl).await.unwrap();
    assert!(lines.0.lock().unwrap().is_empty());
}
