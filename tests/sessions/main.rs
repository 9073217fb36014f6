//! Sessions: who is found in them, and what they carry.

mod carried;
mod ids;
mod reach;
mod registered;

use std::sync::{Arc, Mutex};

use bus::{Bus, Context, OwnedContext, Res, Session, command, event, handler, resource};

#[derive(Default)]
struct Log(Mutex<Vec<String>>);
impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}
#[resource]
fn log() -> Log {
    Log::default()
}

fn bus() -> (Bus, Res<Log>) {
    let bus = Bus::from_registered().unwrap();
    let log = bus.resource().unwrap();
    (bus, log)
}

#[command(output = String)]
struct Who;
#[handler]
async fn who(_: Who, cx: &Context) -> bus::Result<String> {
    Ok(format!("bus in {}", cx.session_id()))
}

#[event]
struct Said(&'static str);
#[handler]
fn said(event: &Said, cx: &Context, log: &Res<Log>) {
    log.add(format!("bus: {} in {}", event.0, cx.session_id()));
}

fn answers(
    text: &'static str,
) -> impl Fn(Who, OwnedContext) -> std::future::Ready<bus::Result<String>> {
    move |_, cx| std::future::ready(Ok(format!("{text} in {}", cx.session_id())))
}

fn listens(
    log: &Res<Log>,
    name: &'static str,
) -> impl Fn(Arc<Said>, OwnedContext) -> std::future::Ready<()> + use<> {
    let log = log.clone();
    move |event, cx| {
        log.add(format!("{name}: {} in {}", event.0, cx.session_id()));
        std::future::ready(())
    }
}

struct Price(u32);
#[resource]
fn price() -> Price {
    Price(1)
}
struct Tenant(&'static str);
#[handler(manual)]
async fn greet(event: &Said, tenant: &Res<Tenant>, session: Session, log: &Res<Log>) {
    log.add(format!("{} for {} in {}", event.0, tenant.0, session.id()));
}
