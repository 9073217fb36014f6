//! What a command may meet between `execute` and its result.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bus::{
    Bus, CommandError, CommandErrorKind, Context, OwnedContext, Param, ParamError, Principal, Res,
    command, handler, handlers, resource,
};

#[derive(Debug, thiserror::Error, PartialEq)]
#[error("no stock of {0}")]
struct NoStock(&'static str);

#[command(output = u32, error = NoStock)]
struct Order {
    item: &'static str,
}

#[handler]
async fn order(command: Order) -> Result<u32, NoStock> {
    match command.item {
        "pens" => Ok(7),
        item => Err(NoStock(item)),
    }
}

fn bus() -> Bus {
    Bus::from_registered().expect("the wiring of this file is right")
}

#[tokio::test]
async fn output_and_error_come_back_typed() {
    let bus = bus();
    assert_eq!(bus.execute(Order { item: "pens" }).await.unwrap(), 7);
    let error = bus.execute(Order { item: "ink" }).await.unwrap_err();
    assert_eq!(error.handler_error(), Some(&NoStock("ink")));
    assert_eq!(error.to_string(), "command commands::Order failed: no stock of ink");
    assert_eq!(error.attempts(), 1);
    assert_eq!(error.into_handler_error().unwrap(), NoStock("ink"));
}

// By value, by reference, shared; plain and async; on a service.

#[command(output = String)]
struct Say(&'static str);
#[command(output = String)]
struct SayByRef(&'static str);
#[command(output = String)]
struct SayShared(&'static str);
#[command(output = String)]
struct SayPlain(&'static str);
#[command(output = String)]
struct SayService(&'static str);
#[command(output = String)]
struct SayBlocking(&'static str);
#[command(output = T)]
struct Echo<T>(T);

#[handler]
async fn say(command: Say) -> bus::Result<String> {
    Ok(command.0.to_owned())
}
#[handler]
async fn say_by_ref(command: &SayByRef) -> bus::Result<String> {
    tokio::task::yield_now().await;
    Ok(command.0.to_owned())
}
#[handler]
async fn say_shared(command: Arc<SayShared>) -> bus::Result<String> {
    Ok(command.0.to_owned())
}
#[handler]
fn say_plain(command: SayPlain) -> bus::Result<String> {
    Ok(command.0.to_owned())
}
#[handler(blocking)]
fn say_blocking(command: SayBlocking, cx: &Context) -> bus::Result<String> {
    let thread = std::thread::current();
    Ok(format!("{} {} {}", command.0, thread.name().unwrap_or("?"), cx.attempt()))
}
#[handler]
async fn echo_number(command: Echo<u64>) -> bus::Result<u64> {
    Ok(command.0)
}
#[handler]
async fn echo_text(command: Echo<String>) -> bus::Result<String> {
    Ok(command.0)
}

struct Voice {
    prefix: &'static str,
}
#[resource]
fn voice() -> Voice {
    Voice { prefix: "voice: " }
}
#[handlers]
impl Voice {
    #[handler]
    async fn say(&self, command: SayService) -> bus::Result<String> {
        Ok(format!("{}{}", self.prefix, command.0))
    }
}

#[tokio::test]
async fn every_form_of_handler_answers() {
    let bus = bus();
    assert_eq!(bus.execute(Say("a")).await.unwrap(), "a");
    assert_eq!(bus.execute(SayByRef("b")).await.unwrap(), "b");
    assert_eq!(bus.execute(SayShared("c")).await.unwrap(), "c");
    assert_eq!(bus.execute(SayPlain("d")).await.unwrap(), "d");
    assert_eq!(bus.execute(SayService("e")).await.unwrap(), "voice: e");
    assert_eq!(bus.execute(Echo(5_u64)).await.unwrap(), 5);
    assert_eq!(bus.execute(Echo("x".to_owned())).await.unwrap(), "x");
    let unhandled = bus.execute(Echo(1_u8)).await.unwrap_err().to_string();
    assert!(unhandled.contains("Echo<u8>"), "names the instance: {unhandled}");
}

#[tokio::test]
async fn a_blocking_handler_runs_on_the_pool() {
    let here = std::thread::current().id();
    let answer = bus().execute(SayBlocking("e")).await.unwrap();
    assert!(answer.starts_with("e tokio-"), "ran on {answer}, called from {here:?}");
}

#[test]
fn a_command_needs_no_runtime() {
    let answer = block_on(bus().execute(Say("plain")));
    assert_eq!(answer.unwrap(), "plain");
}

/// A runtime of ten lines: polls until ready.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut task) {
            return output;
        }
    }
}

#[command]
struct Explode {
    when: &'static str,
}
#[handler]
async fn explode(command: Explode) -> bus::Result<()> {
    if command.when == "later" {
        tokio::task::yield_now().await;
    }
    panic!("boom {}", command.when)
}
#[command]
struct ExplodePlain;
#[handler]
fn explode_plain(_: ExplodePlain) -> bus::Result<()> {
    panic!("boom plain")
}
#[command]
struct ExplodeBlocking;
#[handler(blocking)]
fn explode_blocking(_: ExplodeBlocking) -> bus::Result<()> {
    panic!("boom blocking")
}

#[tokio::test]
async fn a_panic_becomes_an_error_with_the_handlers_place() {
    let bus = bus();
    for when in ["now", "later"] {
        let error = bus.execute(Explode { when }).await.unwrap_err();
        let text = error.to_string();
        let CommandErrorKind::Panicked { message, handler, file, line } = error.kind() else {
            panic!("not a panic: {error:?}")
        };
        assert_eq!(message, &format!("boom {when}"));
        assert_eq!((&**handler, *file), ("explode", file!()));
        assert!(*line > 0 && text.contains(&format!("{file}:{line}")), "no place in: {text}");
    }
    for error in [
        bus.execute(ExplodePlain).await.unwrap_err(),
        bus.execute(ExplodeBlocking).await.unwrap_err(),
    ] {
        assert!(matches!(error.kind(), CommandErrorKind::Panicked { .. }), "not a panic: {error}");
    }
    assert_eq!(bus.execute(Say("alive")).await.unwrap(), "alive");
    assert_eq!(bus.stats().commands_in_flight, 0);
}

// Timeouts, on paused time.

#[command]
struct Hang;
#[handler]
async fn hang(_: Hang) -> bus::Result<()> {
    pending().await
}
#[command(timeout = "5s")]
struct HangShort;
#[handler]
async fn hang_short(_: HangShort) -> bus::Result<()> {
    pending().await
}
#[command(timeout = "5s")]
struct HangHandler;
#[handler(timeout = "1s")]
async fn hang_handler(_: HangHandler) -> bus::Result<()> {
    pending().await
}

async fn timed_out<E: std::fmt::Debug + std::fmt::Display>(
    result: impl Future<Output = Result<(), CommandError<E>>>,
) -> (Duration, Option<Duration>) {
    let start = tokio::time::Instant::now();
    let error = result.await.expect_err("it hangs");
    match error.kind() {
        CommandErrorKind::TimedOut { after } => (start.elapsed(), *after),
        _ => panic!("not a timeout: {error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_nearest_timeout_holds() {
    let bus = bus();
    let secs = |s| (Duration::from_secs(s), Some(Duration::from_secs(s)));
    assert_eq!(timed_out(bus.execute(Hang)).await, secs(30), "default");
    assert_eq!(timed_out(bus.execute(HangShort)).await, secs(5), "of the command");
    assert_eq!(timed_out(bus.execute(HangHandler)).await, secs(1), "of the handler");
    let call = bus.execute(HangHandler).timeout(Duration::from_secs(9));
    assert_eq!(timed_out(call).await, secs(9), "of the call");
    assert_eq!(bus.stats().commands_in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_beyond_the_clock_is_no_timeout() {
    let bus = bus();
    let call = bus.execute(Hang).timeout(Duration::MAX);
    let result = tokio::time::timeout(Duration::from_secs(100_000), call).await;
    assert!(result.is_err(), "it ended: {result:?}");
}

#[command]
struct Nest(Duration);
#[handler]
async fn nest(command: Nest, cx: &Context) -> bus::Result<()> {
    // Fixes the deadline, and hands it on.
    assert!(cx.deadline().is_some());
    Ok(cx.execute(Hang).timeout(command.0).await?)
}

#[tokio::test(start_paused = true)]
async fn a_nested_command_inherits_the_deadline() {
    let bus = bus();
    let start = tokio::time::Instant::now();
    let call = bus.execute(Nest(Duration::from_secs(60))).timeout(Duration::from_secs(3));
    let error = call.await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    assert!(error.to_string().contains("deadline of its caller"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn cancel_on_ends_the_call() {
    let bus = bus();
    let start = tokio::time::Instant::now();
    let signal = tokio::time::sleep(Duration::from_secs(2));
    let error = bus.execute(Hang).cancel_on(signal).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(2), "the signal wakes the call");
    assert!(matches!(error.kind(), CommandErrorKind::Cancelled(bus::CancelledBy::Caller)));
    assert_eq!(error.to_string(), "command commands::Hang was cancelled by its caller");
}

// Cancellation leaves nothing behind.

struct Dropped(Arc<AtomicU32>);
impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
#[command]
struct Hold(Arc<AtomicU32>);
#[handler]
async fn hold(command: Hold, cx: &Context) -> bus::Result<()> {
    let _held = Dropped(Arc::clone(&command.0));
    let watch = cx.to_owned();
    let seen = Arc::clone(&command.0);
    tokio::spawn(async move {
        watch.cancelled().await;
        seen.fetch_add(10, Ordering::SeqCst);
    });
    pending().await
}

#[tokio::test]
async fn dropping_the_future_cancels_the_handler() {
    let bus = bus();
    let count = Arc::new(AtomicU32::new(0));
    let mut call = Box::pin(bus.execute(Hold(Arc::clone(&count))));
    std::future::poll_fn(|task| {
        assert!(call.as_mut().poll(task).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
    assert_eq!(bus.stats().commands_in_flight, 1);
    drop(call);
    assert_eq!(count.load(Ordering::SeqCst), 1, "the handler's future was not dropped");
    assert_eq!(bus.stats().commands_in_flight, 0);
    while count.load(Ordering::SeqCst) != 11 {
        tokio::task::yield_now().await;
    }
}

// Context.

#[command(output = Vec<String>)]
struct WhoAmI;
#[handler]
async fn who_am_i(_: WhoAmI, cx: &Context) -> bus::Result<Vec<String>> {
    cx.insert(5_u8);
    Ok(vec![
        cx.session_id().to_string(),
        cx.principal().map_or_else(String::new, |p| p.id().to_owned()),
        cx.header("k").unwrap_or("none").to_owned(),
        format!("{:?}", cx.get::<u8>()),
        (cx.correlation_id() == cx.id()).to_string(),
        cx.causation_id().is_some().to_string(),
    ])
}
#[command(output = (Vec<String>, bool))]
struct Ask;
#[handler]
async fn ask(_: Ask, cx: &Context, bus: Bus) -> bus::Result<(Vec<String>, bool)> {
    // A clone of the bus inherits as the context does.
    let through_bus = bus.execute(WhoAmI).await?;
    let through_context = cx.execute(WhoAmI).await?;
    Ok((through_context.clone(), through_bus == through_context))
}

#[tokio::test]
async fn options_reach_the_handler_and_children_inherit_what_they_should() {
    let bus = bus();
    let _job = bus.session("job").open().await.unwrap();
    let principal = Principal::new("ada").with_role("admin");
    let root =
        bus.execute(WhoAmI).header("k", "v").session("job").principal(principal.clone()).await;
    assert_eq!(root.unwrap(), ["job", "ada", "v", "Some(5)", "true", "false"]);
    let child = bus.execute(Ask).header("k", "v").session("job").principal(principal).await;
    let (child, same) = child.unwrap();
    assert_eq!(
        child,
        ["job", "ada", "none", "Some(5)", "false", "true"],
        "headers are not inherited"
    );
    assert!(same, "a `Bus` inside a handler inherited something else than `&Context`");
    assert_eq!(bus.execute(WhoAmI).await.unwrap()[0], "BUS");
}

#[tokio::test(start_paused = true)]
async fn detailed_reports_beside_the_result() {
    let bus = bus();
    let report = bus.execute(HangHandler).header("k", "v").detailed().await;
    assert!(!report.success && report.result.is_err());
    assert_eq!(report.duration, Duration::from_secs(1));
    assert_eq!(report.attempts, 1);
    assert_eq!(report.metadata.get("k"), Some("v"));
    let report = bus.execute(Say("x")).detailed().await;
    assert!(report.success);
    assert_eq!(report.result.unwrap(), "x");
}

// A parameter of one's own.

struct Tenant(String);
impl<'cx> Param<'cx> for Tenant {
    fn extract(cx: &'cx Context) -> Result<Self, ParamError> {
        let name = cx.header("tenant").ok_or_else(|| ParamError::new("no header `tenant`"))?;
        Ok(Tenant(name.to_owned()))
    }
}
#[command(output = String)]
struct Bill;
#[handler]
async fn bill(_: Bill, tenant: Tenant, voice: &Res<Voice>) -> bus::Result<String> {
    Ok(format!("{}{}", voice.prefix, tenant.0))
}

#[tokio::test]
async fn a_parameter_that_cannot_be_made_rejects_the_command() {
    let bus = bus();
    assert_eq!(bus.execute(Bill).header("tenant", "acme").await.unwrap(), "voice: acme");
    let error = bus.execute(Bill).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error.kind(), CommandErrorKind::Rejected { .. }), "{error:?}");
    assert!(text.contains("`bill` at") && text.contains("no header `tenant`"), "{text}");
}

// Depth.

#[command]
struct Ping;
#[command]
struct Pong;
#[handler]
async fn ping(_: Ping, cx: &Context) -> bus::Result<()> {
    Ok(cx.execute(Pong).await?)
}
#[handler]
async fn pong(_: Pong, bus: Bus) -> bus::Result<()> {
    Ok(bus.execute(Ping).await?)
}

#[tokio::test]
async fn commands_that_execute_each_other_end_with_their_chain() {
    let error = bus().execute(Ping).await.unwrap_err();
    let mut source: &dyn std::error::Error = &error;
    while let Some(next) = source.source() {
        source = next;
    }
    let text = error.to_string();
    assert!(
        text.contains("64 deep, the limit: commands::Ping -> commands::Pong -> commands::Ping"),
        "{text}"
    );
}

// Errors.

#[command]
struct ReadConfig;
#[handler]
fn read_config(_: ReadConfig) -> bus::Result<()> {
    let text = std::str::from_utf8(std::hint::black_box(&[0xff]))?;
    let _: u8 = text.parse()?;
    Err(bus::Error::msg("unreachable"))
}

#[tokio::test]
async fn the_default_error_takes_any_by_question_mark_and_keeps_it() {
    let error = bus().execute(ReadConfig).await.unwrap_err();
    let inner = error.handler_error().expect("the handler's own");
    assert!(inner.downcast_ref::<std::str::Utf8Error>().is_some(), "{inner:?}");
    let boxed: Box<dyn std::error::Error + Send + Sync> = error.into();
    assert!(boxed.to_string().starts_with("command commands::ReadConfig failed: invalid utf-8"));
}

#[command]
struct NobodyAnswers;

#[tokio::test]
async fn no_handler_names_the_fix() {
    let error = bus().execute(NobodyAnswers).await.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::NoHandler));
    assert_eq!(error.attempts(), 0);
    let text = error.to_string();
    assert!(text.contains("#[bus::handler]") && text.contains("bus::link!"), "{text}");
}

fn _an_owned_context_goes_anywhere(cx: OwnedContext) {
    std::thread::spawn(move || drop(cx));
}
