//! All forms.
#![forbid(unsafe_code)]
#![allow(missing_docs)]
use bus::handler;
use bus::handlers;
use bus::{Bus, Context, Emit, Res, WeakBus, command, event, resource};
use std::sync::Arc;

// shadowing
#[allow(dead_code)]
struct Box;
#[allow(dead_code)]
struct Option;
#[allow(dead_code)]
trait Send {}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct MyError(String);
impl From<bus::Error> for MyError {
    fn from(e: bus::Error) -> Self {
        Self(e.to_string())
    }
}
#[derive(Debug, PartialEq, Eq)]
pub struct User(pub u32, pub String);

#[command(output = User, error = MyError, kind = create, timeout = "5s")]
#[derive(Debug)]
pub struct CreateUser {
    pub name: String,
}
#[command(output = u32)]
#[derive(Debug)]
pub struct ByRef(pub u32);
#[command(output = u32, version = 3)]
#[derive(Debug)]
pub struct ByArc(pub u32);
#[command(output = u32)]
#[derive(Debug)]
pub struct Sync1(pub u32);
#[command(output = u32)]
#[derive(Debug)]
pub struct OnService(pub u32);
#[command]
#[derive(Debug)]
pub struct Unit;
#[command(output = T)]
#[derive(Debug)]
pub struct Put<T>(pub T);
#[command(output = usize)]
#[derive(Debug)]
pub struct Slow(pub usize);
#[command]
#[derive(Debug)]
pub struct Lonely;
#[command(output = &'static str, crate = ::bus)]
#[derive(Debug)]
pub enum r#Raw {
    A,
    #[allow(dead_code)]
    B {
        x: u8,
    },
}

#[event(kind = integration, name = "user.created")]
#[derive(Debug)]
pub struct UserCreated {
    pub id: u32,
}
#[event]
#[derive(Clone, Debug)]
pub struct Cloned(pub u32);

#[derive(Default, Debug)]
pub struct Store(std::sync::Mutex<Vec<String>>);
#[derive(Debug)]
pub struct Loud;

#[resource]
fn store() -> Store {
    Store::default()
}
#[resource]
fn loud(store: &Res<Store>, _s: Res<Store>, _b: WeakBus) -> Result<Loud, MyError> {
    store.0.lock().unwrap().push("loud".into());
    Ok(Loud)
}

#[handler]
async fn create_user(
    cmd: CreateUser,
    store: Res<Store>,
    bus: Bus,
    _emit: Emit<Cloned>,
) -> Result<User, MyError> {
    store.0.lock().unwrap().push(cmd.name.clone());
    bus.publish(UserCreated { id: 7 }).await.unwrap();
    if cmd.name.is_empty() {
        return Err(MyError("empty".into()));
    }
    Ok(User(7, cmd.name))
}
#[handler]
async fn by_ref<'a>(ByRef(n): &'a ByRef, cx: &'a Context) -> Result<u32, bus::Error> {
    tokio::task::yield_now().await;
    let _ = cx.bus();
    Ok(n + 1)
}
type Shared<T> = Arc<T>;
#[handler]
async fn by_arc(cmd: Shared<ByArc>, _l: &Res<Loud>) -> Result<u32, MyError> {
    tokio::task::yield_now().await;
    Ok(cmd.0 + 2)
}
#[handler]
fn sync_one(cmd: Sync1) -> Result<u32, bus::Error> {
    Ok(cmd.0 + 3)
}
#[handler]
fn unit(_: Unit) -> Result<(), bus::Error> {
    Ok(())
}
#[handler]
async fn put(cmd: Put<u64>) -> Result<u64, bus::Error> {
    Ok(cmd.0)
}
#[handler]
async fn put2(cmd: Put<String>) -> Result<String, bus::Error> {
    Ok(cmd.0)
}
#[handler(blocking)]
fn slow(cmd: Slow) -> Result<usize, MyError> {
    Ok(cmd.0)
}
#[handler(manual)]
fn fake(_: &Lonely) -> Result<(), MyError> {
    Ok(())
}
#[handler]
pub(crate) fn r#type(_: Raw) -> Result<&'static str, MyError> {
    Ok("x")
}

#[command]
struct Limited;

#[event(key = "id", ttl = "5m")]
struct Keyed {
    id: u64,
}
#[event(stream = "forms", key = "0")]
struct KeyedTuple(u64, #[allow(dead_code)] f64);
#[event(stream = "forms.all", ordered)]
struct Ordered;
#[event(key = "of")]
struct KeyedGeneric<K: std::hash::Hash> {
    of: K,
}
type Several<E> = Arc<E>;
#[handler(batch = 10, concurrency = 2)]
async fn several(events: &[Arc<Keyed>], store: &Res<Store>) -> Result<bus::BatchOutcome, MyError> {
    let ids = events.iter().map(|event| event.id);
    store.0.lock().unwrap().push(format!("{}", ids.sum::<u64>()));
    Ok(events.iter().map(|_| Ok::<(), bus::Error>(())).collect())
}
#[handler(batch = 1)]
fn several_plain(events: &[Several<KeyedTuple>]) -> bus::BatchOutcome {
    let _ = events.first().map(|event| event.0);
    bus::BatchOutcome::all_ok()
}
#[handler(batch = 5, blocking)]
fn several_blocking(_: &[Arc<Ordered>]) -> Result<(), MyError> {
    Ok(())
}
#[handler(batch = 5)]
async fn several_generic<'a>(events: &'a [Arc<KeyedGeneric<String>>], _cx: &'a Context) {
    let _ = events.iter().map(|event| event.of.len()).sum::<usize>();
}

#[command(
    output = u32,
    error = Refused,
    timeout = "10s",
    attempt_timeout = "1s",
    retry,
    circuit_breaker(
        name = "bank",
        failure_threshold = 5,
        failure_ratio = 0.5,
        window_size = "60s",
        recovery_timeout = "30s",
        success_threshold = 3,
    )
)]
#[derive(Clone)]
struct Pay(u32);
#[derive(Debug, thiserror::Error)]
#[error("refused")]
struct Refused;
impl bus::Classify for Refused {
    fn class(&self) -> bus::ErrorClass {
        bus::ErrorClass::Permanent
    }
}
#[handler(
    retry(
        max_retries = 5,
        initial_delay = "50ms",
        max_delay = "10s",
        exponential_base = 2,
        jitter = spread(0.5),
    ),
    circuit_breaker,
    attempt_timeout = "250ms",
    concurrency = 4
)]
async fn pay(Pay(cents): Pay) -> Result<u32, Refused> {
    if cents == 0 { Err(Refused) } else { Ok(cents) }
}
#[command(circuit_breaker, retry())]
struct NotCloned;
impl MyError {
    fn is_transient(&self) -> bool {
        self.0.is_empty()
    }
}
fn any_error(_: &dyn std::error::Error) -> bool {
    false
}
#[handler(retry(jitter = none), retry_if = MyError::is_transient)]
fn not_cloned(_: Shared<NotCloned>) -> Outcome<MyError> {
    Err(MyError("once more".into()))
}
type Outcome<E> = Result<(), E>;
#[handler(retry_if = any_error, blocking)]
fn retried_event(_: &Cloned) -> Outcome<MyError> {
    Ok(())
}
#[handler(retry(jitter = equal))]
async fn retried_by_value(_: Cloned) -> bus::Result<()> {
    Ok(())
}
#[handler(batch = 2, retry(jitter = decorrelated), retry_if = any_error)]
async fn several_retried(_: &[Arc<Cloned>]) -> Result<bus::BatchOutcome, MyError> {
    Ok(bus::BatchOutcome::all_ok())
}

#[handler(priority = 5)]
async fn on_created(e: &UserCreated, store: Res<Store>) {
    store.0.lock().unwrap().push(format!("high {}", e.id));
}
#[handler(priority = -5)]
fn on_created_low(e: Arc<UserCreated>, store: Res<Store>) -> Result<(), MyError> {
    store.0.lock().unwrap().push(format!("low {}", e.id));
    Ok(())
}
#[handler(concurrency = 2)]
async fn cloned(_e: Cloned) {}

macro_rules! make {
    ($name:ident, $t:ty) => {
        #[krate::handler(crate = ::bus)]
        fn $name(e: $t, cx: &Context) {
            let message = cx;
            let _ = (e, message);
        }
    };
}
use crate as krate;
make!(from_macro, &UserCreated);

pub struct UserService {
    base: u32,
}
mod inner {
    #![allow(unused_imports)]
}
#[handlers]
impl UserService {
    #[must_use]
    pub const fn new() -> Self {
        Self { base: 100 }
    }
    #[handler]
    async fn on_service(&self, cmd: OnService, _cx: &Context) -> Result<u32, MyError> {
        tokio::task::yield_now().await;
        Ok(self.base + cmd.0)
    }
    #[handler(retry_if = any_error, retry, concurrency = 3)]
    fn limited(&self, _: &Limited) -> Result<(), MyError> {
        Ok(())
    }
    #[handler(priority = 1, concurrency = 1)]
    async fn seen(&self, e: &UserCreated) {
        assert_eq!(e.id, 7);
    }
    #[cfg(any())]
    #[handler]
    async fn gone(&self, e: &Nothing) {}
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    #[handler]
    fn nested(_: &Cloned) {}
    println!("{}", Bus::from_registered().unwrap_err());
    let bus = Bus::builder().provide(UserService::new()).handler::<fake>().build().unwrap();
    println!("{}", bus.wiring());
    println!("{:?}", bus.execute(CreateUser { name: "alice".into() }).await.unwrap());
    println!("{}", bus.execute(CreateUser { name: String::new() }).await.unwrap_err());
    assert_eq!(bus.execute(ByRef(1)).await.unwrap(), 2);
    assert_eq!(bus.execute(ByArc(1)).await.unwrap(), 3);
    assert_eq!(bus.execute(Sync1(1)).await.unwrap(), 4);
    assert_eq!(bus.execute(OnService(1)).await.unwrap(), 101);
    assert_eq!(bus.execute(Put(5u64)).await.unwrap(), 5);
    assert_eq!(bus.execute(Put(String::from("x"))).await.unwrap(), "x");
    assert_eq!(bus.execute(Slow(5)).await.unwrap(), 5);
    assert_eq!(bus.execute(Pay(1)).await.unwrap(), 1);
    println!("{}", bus.execute(Pay(0)).await.unwrap_err());
    bus.execute(Limited).await.unwrap();
    println!("{}", bus.execute(NotCloned).await.unwrap_err());
    bus.execute(Unit).await.unwrap();
    bus.execute(Lonely).await.unwrap();
    println!("{:?}", bus.execute(Put(5u8)).await.unwrap_err().to_string());
    println!("{:?}", bus.shutdown().await);
}
