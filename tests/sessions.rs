//! Sessions: who is found in them, and what they carry.

use std::sync::{Arc, Mutex};

use bus::{
    Bus, CommandErrorKind, CommandResultEvent, Context, Emit, HandlerOptions, MessageBus,
    OwnedContext, PublishErrorKind, RegisterError, Res, Session, SessionError, SessionId, command,
    event, handler, resource,
};

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

#[tokio::test(start_paused = true)]
async fn a_command_goes_to_the_innermost_handler() {
    let (bus, _) = bus();
    let outer = bus.session("outer").on_command(answers("outer")).open().await.unwrap();
    let inner = outer.session("inner").open().await.unwrap();
    assert_eq!(inner.execute(Who).await.unwrap(), "outer in inner", "the handler of the parent");
    let own = inner.register_command_handler(answers("inner")).unwrap();
    assert_eq!(inner.execute(Who).await.unwrap(), "inner in inner");
    assert_eq!(outer.execute(Who).await.unwrap(), "outer in outer");
    assert_eq!(bus.execute(Who).await.unwrap(), "bus in BUS", "a session's handler is its own");
    assert!(own.unregister());
    assert_eq!(inner.execute(Who).await.unwrap(), "outer in inner");
    assert_eq!(inner.parent().unwrap().id(), outer.id());
}

#[tokio::test(start_paused = true)]
async fn a_session_has_one_handler_of_a_command_unless_one_outranks_it() {
    let (bus, _) = bus();
    let session = bus.session("s").on_command(answers("first")).open().await.unwrap();
    let refused = session.register_command_handler(answers("second")).unwrap_err();
    assert!(matches!(refused, RegisterError::AlreadyHandled { .. }), "{refused}");
    let higher = HandlerOptions::new().priority(1);
    let second = session.register_command_handler_with(higher, answers("second")).unwrap().scoped();
    assert_eq!(session.execute(Who).await.unwrap(), "second in s");
    drop(second);
    assert_eq!(session.execute(Who).await.unwrap(), "first in s");
}

#[tokio::test(start_paused = true)]
async fn events_reach_the_session_those_around_it_and_the_bus_by_priority() {
    let (bus, log) = bus();
    let low = HandlerOptions::new().priority(-1);
    let high = HandlerOptions::new().priority(1);
    let outer = bus
        .session("outer")
        .on_event(listens(&log, "outer"))
        .on_event_with(low, listens(&log, "outer, low"))
        .open()
        .await
        .unwrap();
    let inner = outer
        .session("inner")
        .on_event_with(high, listens(&log, "inner, high"))
        .on_event(listens(&log, "inner"))
        .open()
        .await
        .unwrap();
    inner.publish(Said("x")).and_wait().await.unwrap();
    let heard = ["inner, high", "inner", "outer", "bus", "outer, low"];
    assert_eq!(log.take(), heard.map(|name| format!("{name}: x in inner")));
    outer.publish(Said("y")).and_wait().await.unwrap();
    assert_eq!(
        log.take(),
        ["outer", "bus", "outer, low"].map(|name| format!("{name}: y in outer"))
    );
    bus.publish(Said("z")).and_wait().await.unwrap();
    assert_eq!(log.take(), ["bus: z in BUS"]);
}

#[command]
struct Work;
#[handler]
async fn work(_: Work, cx: &Context, emit: Emit<Said>, bus: Bus) -> bus::Result<()> {
    emit.send(Said("emitted"));
    cx.publish(Said("published")).await?;
    bus.publish(Said("through a clone of the bus")).await?;
    bus.publish(Said("outside")).session(SessionId::BUS).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_handlers_do_on_behalf_of_a_session_is_in_it() {
    let (bus, log) = bus();
    let session = bus.session("s").on_event(listens(&log, "session")).open().await.unwrap();
    session.execute(Work).await.unwrap();
    bus.idle().await;
    let mut heard = log.take();
    heard.sort();
    let inside = ["emitted", "published", "through a clone of the bus"];
    let mut expected: Vec<_> = ["session", "bus"]
        .iter()
        .flat_map(|who| inside.map(|what| format!("{who}: {what} in s")))
        .collect();
    expected.push("bus: outside in BUS".to_owned());
    expected.sort();
    assert_eq!(heard, expected);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_named_by_its_id_from_anywhere() {
    let (bus, log) = bus();
    let session = bus.session("s").on_command(answers("own")).open().await.unwrap();
    assert_eq!(bus.execute(Who).session("s").await.unwrap(), "own in s");
    bus.publish(Said("by id")).session(session.id().clone()).and_wait().await.unwrap();
    assert_eq!(log.take(), ["bus: by id in s"]);
    assert_eq!(bus.find_session("s").unwrap().id(), session.id());
    assert!(bus.find_session("t").is_none());

    let error = bus.execute(Who).session("t").await.unwrap_err();
    assert!(
        matches!(error.kind(), CommandErrorKind::SessionClosed { session_id } if session_id.as_str() == "t")
    );
    assert_eq!(error.to_string(), "command sessions::Who was not executed: session t is not open");
    let error = bus.publish(Said("lost")).session("t").await.unwrap_err();
    assert!(matches!(error.kind(), PublishErrorKind::SessionClosed { .. }));
    assert_eq!(error.event.0, "lost", "the event comes back");
    assert_eq!(bus.stats().rejected, 1);
}

#[tokio::test(start_paused = true)]
async fn an_id_is_used_once_at_a_time_and_made_where_none_is_given() {
    let (bus, _) = bus();
    let first = bus.session("s").on_command(answers("first")).open().await.unwrap();
    let error = bus.session("s").on_command(answers("second")).open().await.unwrap_err();
    assert!(matches!(error, SessionError::AlreadyOpen { .. }), "{error}");
    assert_eq!(first.execute(Who).await.unwrap(), "first in s", "the second has changed the first");
    assert!(first.close().await.is_clean());
    let again = bus.session("s").open().await.unwrap();
    assert_eq!(again.execute(Who).await.unwrap(), "bus in s", "a handler of the first was left");

    let made = bus.session(None).open().await.unwrap();
    let next: u64 = made.id().as_str().rsplit('-').next().unwrap().parse().unwrap();
    // One that is named as the next would be.
    let taken = made.id().as_str().replace(&format!("-{next}"), &format!("-{}", next + 2));
    let _taken = bus.session(taken).open().await.unwrap();
    let other = bus.session(None).open().await.unwrap();
    assert_ne!(made.id(), other.id());
    for bad in ["BUS", ""] {
        let error = bus.session(bad).open().await.unwrap_err();
        assert!(matches!(error, SessionError::BadId { .. }), "{error}");
    }
    assert_eq!(bus.sessions().len(), 4);
}

/// Sessions of two buses have nothing to do with each other, though they have one name.
#[tokio::test(start_paused = true)]
async fn a_session_belongs_to_its_bus() {
    let ((one, first), (other, second)) = (bus(), bus());
    let a = one
        .session("s")
        .on_command(answers("a"))
        .on_event(listens(&first, "a"))
        .open()
        .await
        .unwrap();
    let b = other.session("s").open().await.unwrap();
    assert_eq!(b.execute(Who).await.unwrap(), "bus in s");
    b.publish(Said("x")).and_wait().await.unwrap();
    assert_eq!((first.take(), second.take()), (vec![], vec!["bus: x in s".to_owned()]));
    drop(b);
    other.shutdown().await;
    assert_eq!(a.execute(Who).await.unwrap(), "a in s");
    assert_eq!((one.sessions().len(), other.sessions().len()), (1, 0));
}

// Parameters.

#[command(output = (String, Option<String>))]
struct Where;
#[handler]
async fn where_(
    _: Where,
    session: Session,
    maybe: Option<Session>,
) -> bus::Result<(String, Option<String>)> {
    Ok((session.id().to_string(), maybe.map(|session| session.id().to_string())))
}
#[command(output = bool)]
struct Anywhere;
#[handler]
fn anywhere(_: Anywhere, session: Option<Session>) -> bus::Result<bool> {
    Ok(session.is_some())
}

#[tokio::test(start_paused = true)]
async fn handlers_take_their_session_and_do_not_own_it() {
    let (bus, _) = bus();
    let session = bus.session("s").open().await.unwrap();
    let told = session.execute(Where).await.unwrap();
    assert_eq!(told, ("s".to_owned(), Some("s".to_owned())));
    assert!(session.execute(Anywhere).await.unwrap() && !bus.execute(Anywhere).await.unwrap());
    assert!(!session.is_closed(), "the parameter of a handler has closed it");
    let error = bus.execute(Where).await.unwrap_err();
    assert!(error.to_string().contains("take `Option<Session>`"), "{error}");
}

async fn generic(bus: &impl MessageBus) -> String {
    bus.execute(Who).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_session_is_a_message_bus() {
    let (bus, _) = bus();
    let session = bus.session("s").open().await.unwrap();
    assert_eq!(generic(&*session).await, "bus in s");
    assert_eq!(generic(&session.handle()).await, "bus in s");
}

// Resources and `manual` handlers.

struct Price(u32);
#[resource]
fn price() -> Price {
    Price(1)
}
#[command(output = u32)]
struct Cost;
#[handler]
async fn cost(_: Cost, price: &Res<Price>, cx: &Context) -> bus::Result<u32> {
    assert_eq!(cx.resource::<Price>().unwrap().0, price.0);
    Ok(price.0)
}
struct Tenant(&'static str);
#[handler(manual)]
async fn greet(event: &Said, tenant: &Res<Tenant>, session: Session, log: &Res<Log>) {
    log.add(format!("{} for {} in {}", event.0, tenant.0, session.id()));
}

#[tokio::test(start_paused = true)]
async fn what_a_session_provides_is_there_for_all_that_runs_in_it() {
    let (bus, log) = bus();
    let outer = bus.session("outer").provide(Price(2)).open().await.unwrap();
    let inner = outer.session("inner").open().await.unwrap();
    let third = inner.session("third").provide(Price(3)).open().await.unwrap();
    let costs = [
        bus.execute(Cost).await,
        outer.execute(Cost).await,
        inner.execute(Cost).await,
        third.execute(Cost).await,
    ];
    assert_eq!(costs.map(Result::unwrap), [1, 2, 2, 3]);
    assert_eq!(third.resource::<Price>().unwrap().0, 3);

    let error = bus.session("t").register::<greet>().open().await.unwrap_err();
    assert!(
        matches!(&error, SessionError::Handler(RegisterError::MissingResource { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("Tenant"), "{error}");
    assert!(bus.find_session("t").is_none(), "a session that was not opened is there");
    let session =
        bus.session("t").provide(Tenant("acme")).register::<greet>().open().await.unwrap();
    session.publish(Said("hi")).and_wait().await.unwrap();
    assert!(log.take().contains(&"hi for acme in t".to_owned()));
}

// Lifecycle events are heard in the session that they are about.

#[tokio::test(start_paused = true)]
async fn a_session_hears_of_its_own_commands_alone() {
    let (bus, log) = bus();
    let noted = log.clone();
    let session = bus
        .session("s")
        .on_event(move |done: Arc<CommandResultEvent>, _: OwnedContext| {
            noted.add(format!("{} {}", done.command, done.session_id));
            std::future::ready(())
        })
        .open()
        .await
        .unwrap();
    bus.execute(Who).await.unwrap();
    session.execute(Who).await.unwrap();
    bus.idle().await;
    assert_eq!(log.take(), ["sessions::Who s"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_open_can_be_listed() {
    let (bus, log) = bus();
    let outer = bus.session("outer").on_event(listens(&log, "x")).open().await.unwrap();
    tokio::time::advance(std::time::Duration::from_secs(5)).await;
    let inner = outer.session("inner").open().await.unwrap();
    let list = bus.sessions();
    let told: Vec<_> = list
        .iter()
        .map(|s| {
            (
                s.id.as_str(),
                s.parent.as_ref().map(SessionId::as_str),
                s.age.as_secs(),
                s.handlers,
                s.children,
                s.in_flight,
                s.is_closing,
            )
        })
        .collect();
    let expected =
        [("outer", None, 5, 1, 1, 0, false), ("inner", Some("outer"), 0, 0, 0, 0, false)];
    assert_eq!(told, expected);
    assert_eq!((bus.stats().sessions_open, bus.stats().sessions_opened), (2, 2));
    drop(inner);
    bus.idle().await;
    assert_eq!(bus.stats().sessions_open, 1);
    assert_eq!(bus.sessions()[0].children, 0, "a session that has ended is still inside another");
}

/// A cycle of sessions that open each other ends.
#[tokio::test(start_paused = true)]
async fn sessions_are_not_nested_without_end() {
    let (bus, _) = bus();
    let mut all = vec![bus.session(None).open().await.unwrap()];
    let error = loop {
        match all.last().unwrap().session(None).open().await {
            Ok(session) => all.push(session),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, SessionError::TooDeep { .. }), "{error}");
    assert_eq!(all.len(), 64);
    // The outermost takes all of them with it.
    assert!(all[0].close().await.is_clean());
    assert!(bus.sessions().is_empty());
}

/// Handlers come and go, and sessions open and end, on several threads while messages are sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn registries_change_on_all_threads_while_messages_are_sent() {
    let (bus, _) = bus();
    let tasks = (0..8_u32).map(|task| {
        let bus = bus.clone();
        tokio::spawn(async move {
            for n in 0..200_u32 {
                let session = bus.session(format!("{task}-{n}")).open().await.unwrap();
                let own = session.register_command_handler(answers("own")).unwrap();
                assert!(session.execute(Who).await.unwrap().starts_with("own"));
                own.unregister();
                assert!(session.execute(Who).await.unwrap().starts_with("bus"));
                let on_bus =
                    bus.register_event_handler(|_: Arc<Said>, _| std::future::ready(())).unwrap();
                session.publish(Said("x")).await.unwrap();
                on_bus.unregister();
                if n % 2 == 0 {
                    assert!(session.close().await.is_clean());
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    bus.idle().await;
    let stats = bus.stats();
    assert_eq!((stats.sessions_open, stats.sessions_opened, stats.sessions_cut), (0, 1600, 0));
    assert!(bus.shutdown().await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_not_registered_twice_around_a_session() {
    let (bus, _) = bus();
    let session =
        bus.session("s").provide(Tenant("acme")).register::<greet>().open().await.unwrap();
    let twice = session.register::<greet>().unwrap_err();
    assert!(matches!(twice, RegisterError::AlreadyRegistered { .. }), "{twice}");
    let of_bus = session.register::<said>().unwrap_err();
    assert!(matches!(of_bus, RegisterError::AlreadyRegistered { .. }), "{of_bus}");
    assert!(bus.register::<said>().is_err());
    let without = Bus::builder().without::<said>().build().unwrap();
    assert!(without.session("s").register::<said>().open().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_top_level_session_is_inside_no_other() {
    let (bus, _) = bus();
    let outer = bus.session("outer").open().await.unwrap();
    let other = outer.session("other").top_level().open().await.unwrap();
    assert!(other.parent().is_none());
    outer.close().await;
    assert!(!other.is_closed());
    assert!(bus.find_session(other.id()).is_some());
}

struct Maybe(u32);
#[command(output = (Option<u32>, Option<u32>))]
struct Ask;
#[handler]
async fn ask(
    _: Ask,
    one: Option<&Res<Maybe>>,
    same: Option<Res<Maybe>>,
) -> bus::Result<(Option<u32>, Option<u32>)> {
    Ok((one.map(|maybe| maybe.0), same.map(|maybe| maybe.0)))
}

/// A handler of the bus may take what only sessions provide.
#[tokio::test(start_paused = true)]
async fn a_resource_may_be_there_in_some_sessions_only() {
    let (bus, _) = bus();
    let session = bus.session("s").provide(Maybe(3)).open().await.unwrap();
    assert_eq!(bus.execute(Ask).await.unwrap(), (None, None));
    assert_eq!(session.execute(Ask).await.unwrap(), (Some(3), Some(3)));
}
