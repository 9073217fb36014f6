//! Timeouts and cancellation, which leave nothing behind.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bus::{CommandError, CommandErrorKind, Context, command, handler};

use super::{HangHandler, bus};

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
    assert_eq!(error.to_string(), "command commands::time::Hang was cancelled by its caller");
}

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
