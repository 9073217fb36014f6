//! Middleware by hand: what they see of a call, what they may change, and what touches them. Their order
//! and all ends that a chain can come to are in `middleware_model/`.

mod answers;
mod context;
mod cut;
mod places;

use std::borrow::Cow;
use std::future::pending;
use std::sync::{Arc, Mutex};

use bus::{
    Bus, Call, Context, Emit, Handled, Middleware, Next, Res, async_trait, command, event, handler,
};

#[derive(Debug, Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn say(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Says when it is dropped.
struct Noticed(Arc<Log>, &'static str);
impl Drop for Noticed {
    fn drop(&mut self) {
        self.0.say(format!("{} dropped", self.1));
    }
}

#[command(output = u32)]
#[derive(Clone)]
struct Double(u32);

#[handler]
async fn double(command: Double, cx: &Context, log: &Res<Log>) -> bus::Result<u32> {
    log.say(format!("double {} {:?}", command.0, cx.header("by")));
    tokio::task::yield_now().await;
    Ok(command.0 * 2)
}

/// Not `Clone`, and taken by value.
#[command(output = u32)]
struct Spend(u32);
#[handler]
async fn spend(command: Spend) -> bus::Result<u32> {
    Ok(command.0)
}

struct Named(&'static str);
#[async_trait]
impl Middleware for Named {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let log = call.context().resource::<Log>().unwrap();
        log.say(format!("{} in", self.0));
        let handled = next.run(call).await;
        log.say(format!("{} out {}", self.0, call.ended().unwrap()));
        handled
    }
    fn name(&self) -> Cow<'static, str> {
        self.0.into()
    }
}

#[command]
struct Emits;
#[event]
struct Emitted(&'static str);
#[handler]
fn emits(_: &Emits, emit: Emit<Emitted>) -> bus::Result<()> {
    emit.send(Emitted("handler"));
    Ok(())
}
#[handler]
fn emitted(event: &Emitted, log: &Res<Log>, cx: &Context) {
    assert!(cx.causation_id().is_some(), "it follows from the command");
    log.say(format!("emitted by {}", event.0));
}

/// Until its caller is tired of it.
#[command]
struct Hang;
#[handler(timeout = "5s")]
async fn hang(_: &Hang, log: &Res<Log>) -> bus::Result<()> {
    let _noticed = Noticed(Arc::clone(&log.clone().into_arc()), "handler");
    pending().await
}

fn bus(with: impl FnOnce(bus::Builder) -> bus::Builder) -> (Bus, Arc<Log>) {
    let bus = with(Bus::builder().provide(Log::default())).build().unwrap();
    let log = bus.resource::<Log>().unwrap().into_arc();
    (bus, log)
}
