//! Where a message was sent: file and line of its caller, where that is asked for.

use std::panic::Location;
use std::sync::{Arc, Mutex};

use bus::{
    Builder, Bus, Context, Emit, Error, MessageBus, Res, Resilience, command, event, handler,
};

type Place = Option<&'static Location<'static>>;
#[derive(Default, Clone)]
struct Log(Arc<Mutex<Vec<(&'static str, Place)>>>);

impl Log {
    fn note(&self, who: &'static str, cx: &Context) {
        self.0.lock().unwrap().push((who, cx.sent_from()));
    }
    fn take(&self) -> Vec<(&'static str, Place)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// The line after that of its caller.
#[track_caller]
fn next_line() -> u32 {
    Location::caller().line() + 1
}

#[command(output = [u32; 3])]
struct Go;
#[event]
struct Emitted;
#[event]
struct Published;

#[handler]
async fn go(_: Go, cx: &Context, emit: Emit<Emitted>, log: &Res<Log>) -> bus::Result<[u32; 3]> {
    log.note("go", cx);
    let first = next_line();
    emit.send(Emitted);
    let second = next_line();
    cx.emit(Emitted);
    let third = next_line();
    cx.publish(Published).await?;
    Ok([first, second, third])
}
#[handler]
fn emitted(_: &Emitted, cx: &Context, log: &Res<Log>) {
    log.note("emitted", cx);
}
#[handler]
async fn published(_: &Published, cx: &Context, log: &Res<Log>) {
    tokio::task::yield_now().await;
    log.note("published", cx);
}
#[command]
struct Fail;
#[handler]
async fn fail(_: &Fail) -> bus::Result<()> {
    Err(Error::msg("no"))
}

fn bus(with: impl FnOnce(Builder) -> Builder) -> (Bus, Log) {
    let log = Log::default();
    (with(Bus::builder().provide(log.clone())).build().unwrap(), log)
}

#[track_caller]
fn is_at(place: Place, line: u32) {
    let place = place.expect("it was asked for");
    assert_eq!((place.file(), place.line()), (file!(), line));
}

#[tokio::test(start_paused = true)]
async fn all_verbs_tell_where_they_were_called() {
    let (bus, log) = bus(|builder| builder.track_callers(true));
    let line = next_line();
    let lines = bus.execute(Go).header("a", "b").await.unwrap();
    bus.idle().await;
    let mut noted = log.take();
    noted.sort();
    let [emit1, emit2, go, publish] = &noted[..] else { panic!("{noted:?}") };
    is_at(go.1, line);
    is_at(emit1.1, lines[0]);
    is_at(emit2.1, lines[1]);
    is_at(publish.1, lines[2]);

    let session = bus.session("s").open().await.unwrap();
    let mut expected = vec![next_line()];
    session.publish(Published).await.unwrap();
    expected.push(next_line());
    session.try_publish(Published).unwrap();
    expected.push(next_line());
    bus.try_publish(Published).unwrap();
    expected.push(next_line());
    generic(&*session).await;
    expected.push(next_line());
    bus.publish(Published).after(std::time::Duration::from_secs(1)).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    bus.idle().await;
    let noted = log.take();
    assert_eq!(noted.len(), expected.len());
    noted.iter().zip(expected).for_each(|(noted, line)| is_at(noted.1, line));
}

/// A trait's methods hand it on too.
#[track_caller]
fn generic(bus: &impl MessageBus) -> impl Future<Output = ()> {
    let publish = bus.publish(Published);
    async move { drop(publish.await) }
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_knows_it_also_when_it_is_tried_again() {
    let (bus, _) = bus(|builder| builder.track_callers(true).resilient(Resilience::default()));
    let line = next_line();
    bus.execute(Fail).await.unwrap_err();
    let letter = bus.dead_letters().list().pop().unwrap();
    is_at(letter.sent_from, line);
    bus.dead_letters().retry(letter.id).await.unwrap_err();
    is_at(bus.dead_letters().list().pop().unwrap().sent_from, line);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_known_where_it_was_not_asked_for() {
    let (bus, log) = bus(|builder| builder.resilient(Resilience::default()));
    bus.execute(Go).header("a", "b").await.unwrap();
    bus.execute(Fail).await.unwrap_err();
    bus.idle().await;
    assert!(log.take().iter().all(|(_, place)| place.is_none()));
    assert!(bus.dead_letters().list().iter().all(|letter| letter.sent_from.is_none()));
}
