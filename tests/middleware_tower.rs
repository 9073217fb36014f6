//! tower's layers around handlers: they limit, cut, shed and repeat, and what they let through is unchanged.

use std::future::{Ready, ready};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{self, Poll};
use std::time::Duration;

use ::tower::layer::util::{Identity, Stack};
use ::tower::limit::ConcurrencyLimitLayer;
use ::tower::load_shed::LoadShedLayer;
use ::tower::retry::{Policy, RetryLayer};
use ::tower::timeout::TimeoutLayer;
use ::tower::{Service, ServiceBuilder};
use bus::middleware::{CallFailed, TowerCall, TowerCalls, tower};
use bus::{
    Bus, CommandErrorKind, Context, Emit, EventHandlerFailedEvent, Layer, Res, command, event,
    handler,
};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Default)]
struct World {
    renders: Gauge,
    events: Gauge,
    log: Mutex<Vec<String>>,
}
#[derive(Default)]
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
    calls: AtomicUsize,
}
#[bus::resource]
fn world() -> World {
    World::default()
}
struct Inside<'a>(&'a Gauge);
impl<'a> Inside<'a> {
    fn enter(gauge: &'a Gauge) -> Self {
        let now = gauge.now.fetch_add(1, Ordering::Relaxed) + 1;
        gauge.most.fetch_max(now, Ordering::Relaxed);
        gauge.calls.fetch_add(1, Ordering::Relaxed);
        Self(gauge)
    }
}
impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("no such page: {0}")]
struct NoPage(u32);

#[command(output = u32, error = NoPage)]
struct Render {
    page: u32,
    takes: Duration,
}
impl Render {
    fn page(page: u32) -> Self {
        Self { page, takes: SECOND }
    }
}
#[event]
struct Rendered(u32);
#[handler]
async fn render(
    render: &Render,
    world: &Res<World>,
    cx: &Context,
    emit: Emit<Rendered>,
) -> Result<u32, NoPage> {
    let _inside = Inside::enter(&world.renders);
    emit.send(Rendered(render.page));
    tokio::time::sleep(render.takes).await;
    match render.page {
        0 => panic!("page zero"),
        404 => Err(NoPage(404)),
        500 if cx.attempt() < 3 => Err(NoPage(500)),
        page => Ok(page),
    }
}
#[handler]
async fn rendered(event: &Rendered, world: &Res<World>) {
    let _inside = Inside::enter(&world.events);
    tokio::time::sleep(SECOND).await;
    world.log.lock().unwrap().push(format!("rendered {}", event.0));
}
#[handler]
fn failed(event: &EventHandlerFailedEvent, world: &Res<World>) {
    world.log.lock().unwrap().push(event.error.clone());
}

fn around(layer: impl bus::Middleware) -> (Bus, Res<World>) {
    let bus = Bus::builder().middleware(Layer::new(layer).on::<Render>()).build().unwrap();
    let world = bus.resource::<World>().unwrap();
    (bus, world)
}

#[tokio::test(start_paused = true)]
async fn what_a_layer_lets_through_is_unchanged() {
    let (bus, world) = around(tower(Identity::new()));
    assert_eq!(bus.execute(Render::page(7)).await.unwrap(), 7);
    let error = bus.execute(Render::page(404)).await.unwrap_err();
    assert_eq!(error.handler_error(), Some(&NoPage(404)), "with its type");
    let error = bus.execute(Render::page(0)).await.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::Panicked { .. }), "{error}");
    bus.idle().await;
    assert_eq!(*world.log.lock().unwrap(), ["rendered 7"], "what it has emitted");
}

#[tokio::test(start_paused = true)]
async fn a_concurrency_limit_is_shared_by_all_calls() {
    let (bus, world) = around(tower(ConcurrencyLimitLayer::new(2)));
    let began = tokio::time::Instant::now();
    let calls: Vec<_> = (1..=6)
        .map(|page| {
            let bus = bus.clone();
            tokio::spawn(async move { bus.execute(Render::page(page)).await.unwrap() })
        })
        .collect();
    for (call, page) in calls.into_iter().zip(1..) {
        assert_eq!(call.await.unwrap(), page);
    }
    assert_eq!((world.renders.most.load(Ordering::Relaxed), began.elapsed()), (2, 3 * SECOND));
    // A caller that leaves gives its permit back, from the line and from the handler.
    let long = || Render { page: 1, takes: 60 * SECOND };
    for _ in 0..3 {
        let left = tokio::join!(
            tokio::time::timeout(SECOND, bus.execute(long())),
            tokio::time::timeout(SECOND, bus.execute(long())),
            tokio::time::timeout(SECOND, bus.execute(long())),
        );
        assert!(left.0.is_err() && left.1.is_err() && left.2.is_err());
    }
    assert_eq!(bus.execute(Render::page(9)).await.unwrap(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_cuts_the_handler() {
    let (bus, world) = around(tower(TimeoutLayer::new(3 * SECOND)));
    bus.execute(Render::page(1)).await.unwrap();
    let began = tokio::time::Instant::now();
    let error = bus.execute(Render { page: 1, takes: 10 * SECOND }).await.unwrap_err();
    assert_eq!(began.elapsed(), 3 * SECOND);
    let told = error.to_string();
    assert!(told.ends_with("was rejected by middleware tower: request timed out"), "{told}");
    assert_eq!(world.renders.now.load(Ordering::Relaxed), 0, "the handler's future is gone");
    bus.idle().await;
    assert_eq!(*world.log.lock().unwrap(), ["rendered 1"], "what was cut has emitted nothing");
}

#[tokio::test(start_paused = true)]
async fn load_is_shed_where_there_is_no_room() {
    let layers = ServiceBuilder::new().layer(LoadShedLayer::new()).concurrency_limit(1);
    let (bus, world) = around(tower(layers.into_inner()));
    let (first, second) = tokio::join!(bus.execute(Render::page(1)), bus.execute(Render::page(2)));
    assert_eq!(first.unwrap(), 1);
    let told = second.unwrap_err().to_string();
    assert!(told.ends_with("middleware tower: service overloaded"), "{told}");
    assert_eq!(world.renders.calls.load(Ordering::Relaxed), 1);
    assert_eq!(bus.execute(Render::page(3)).await.unwrap(), 3, "there is room again");
}

/// Tries again, so often.
#[derive(Clone)]
struct Times(usize);
impl Policy<TowerCall, (), CallFailed> for Times {
    type Future = Ready<()>;
    fn retry(
        &mut self,
        call: &mut TowerCall,
        result: &mut Result<(), CallFailed>,
    ) -> Option<Ready<()>> {
        assert_eq!(call.handler().name, "render");
        assert_eq!(call.context().message().short_name(), "Render");
        if result.is_ok() || self.0 == 0 {
            return None;
        }
        self.0 -= 1;
        Some(ready(()))
    }
    fn clone_request(&mut self, call: &TowerCall) -> Option<TowerCall> {
        Some(call.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_may_call_again() {
    let (bus, world) = around(tower(RetryLayer::new(Times(2))));
    let report = bus.execute(Render::page(500)).detailed().await;
    assert_eq!((report.result.unwrap(), report.attempts), (500, 3));
    let report = bus.execute(Render::page(404)).detailed().await;
    let error = report.result.unwrap_err();
    assert_eq!((error.handler_error(), report.attempts), (Some(&NoPage(404)), 3));
    bus.idle().await;
    assert_eq!(*world.log.lock().unwrap(), ["rendered 500"], "emitted once, by what succeeded");
}

/// Answers by itself.
#[derive(Clone)]
struct Answers;
impl<S> ::tower::Layer<S> for Answers {
    type Service = Answers;
    fn layer(&self, _: S) -> Answers {
        Answers
    }
}
impl Service<TowerCall> for Answers {
    type Response = ();
    type Error = std::convert::Infallible;
    type Future = Ready<Result<(), Self::Error>>;
    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, _: TowerCall) -> Self::Future {
        ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_cannot_answer_in_place_of_the_handler() {
    let (bus, world) = around(tower(Answers));
    let told = bus.execute(Render::page(1)).await.unwrap_err().to_string();
    assert!(told.ends_with("tower: a layer has answered without the handler"), "{told}");
    assert_eq!(world.renders.calls.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn handlers_of_events_stand_inside_as_well() {
    type Layers = Stack<TimeoutLayer, Stack<ConcurrencyLimitLayer, Identity>>;
    let layers: Layers =
        ServiceBuilder::new().concurrency_limit(1).timeout(SECOND / 2).into_inner();
    let two = tower(ConcurrencyLimitLayer::new(2));
    let bus = Bus::builder().middleware(Layer::new(two).on::<Rendered>()).build().unwrap();
    let world = bus.resource::<World>().unwrap();
    for page in 1..=6 {
        bus.publish(Rendered(page)).await.unwrap();
    }
    bus.idle().await;
    assert_eq!(
        (world.events.most.load(Ordering::Relaxed), world.log.lock().unwrap().len()),
        (2, 6)
    );

    let bus =
        Bus::builder().middleware(Layer::new(tower(layers)).on::<Rendered>()).build().unwrap();
    bus.publish(Rendered(1)).await.unwrap();
    bus.idle().await;
    let world = bus.resource::<World>().unwrap();
    let told = "was rejected by middleware tower: request timed out";
    assert_eq!(*world.log.lock().unwrap(), [told]);
}

#[test]
fn the_types_of_the_adapter_can_be_named() {
    fn is_clone<T: Clone + Send + Sync>(_: &T) {}
    let made = Arc::new(tower(Identity::new()));
    is_clone(&made);
    let _: &bus::middleware::Tower<TowerCalls> = &made;
}
