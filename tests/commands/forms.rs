//! The forms of a handler: by value, by reference, shared; plain, async and blocking; on a service, and with a
//! parameter of one's own.

use std::sync::Arc;

use bus::{
    CommandErrorKind, Context, Param, ParamError, Res, command, handler, handlers, resource,
};

use super::{Say, bus};

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
