//! The end of a session: in which order, within which limits, and that nothing is left behind.

mod bus_end;
mod inside;
mod left_behind;
mod limits;
mod nested;
mod order;

use std::future::pending;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bus::{
    Bus, Context, OwnedContext, Res, Session, SessionEndEvent, command, event, handler, resource,
};

const SECOND: Duration = Duration::from_secs(1);

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

#[event]
struct Slow(Duration);

/// The bus's handler of `Slow`.
#[handler]
async fn slow(event: &Slow, log: &Res<Log>, cx: &Context) {
    tokio::time::sleep(event.0).await;
    log.add(format!("bus: slow in {}", cx.session_id()));
}
#[command]
struct Sleep(Duration);
#[handler]
async fn sleep(command: Sleep) -> bus::Result<()> {
    tokio::time::sleep(command.0).await;
    Ok(())
}

fn add<E: bus::Event>(
    log: &Res<Log>,
    line: &'static str,
) -> impl Fn(Arc<E>, OwnedContext) -> std::future::Ready<()> + use<E> {
    let log = log.clone();
    move |_, _| {
        log.add(line);
        std::future::ready(())
    }
}

/// Says when it is dropped.
struct Dropped(Res<Log>, &'static str);
impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add(self.1);
    }
}

/// What a session holds on to, and whether it still does.
fn burden(session: &Session, log: &Res<Log>) -> Weak<()> {
    let held = Arc::new(());
    let weak = Arc::downgrade(&held);
    let [a, b, c] = [(); 3].map(|()| Arc::clone(&held));
    session
        .register_event_handler(move |_: Arc<Slow>, _: OwnedContext| {
            let _held = Arc::clone(&a);
            std::future::ready(())
        })
        .unwrap();
    drop(session.spawn(async move {
        let _held = b;
        pending::<()>().await;
    }));
    let log = log.clone();
    session
        .on_close(move || async move {
            drop(c);
            log.add("closed");
        })
        .unwrap();
    weak
}

#[handler]
fn ended(end: &SessionEndEvent, log: &Res<Log>) {
    log.add(format!("{}: {}", end.session_id, end.error.as_deref().unwrap_or("well")));
}
#[event]
struct CloseYou;
