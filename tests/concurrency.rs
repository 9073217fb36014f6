//! `concurrency`: how many runs of one handler there are at once.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bus::{
    Bus, HandlerOptions, OwnedContext, RegisterError, Res, command, event, handler, handlers,
};

/// How many runs there are, and were at most.
#[derive(Default)]
struct Runs {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Runs {
    async fn one(&self) {
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(10)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[event]
struct Indexed;
#[derive(Default)]
struct Index(Runs);
#[handler(manual, concurrency = 2)]
async fn index(_: &Indexed, index: &Res<Index>) {
    index.0.one().await;
}

#[event]
struct Mailed;
struct Mailer(Arc<Runs>);
#[handlers]
impl Mailer {
    #[handler(concurrency = 3)]
    async fn mail(&self, _: &Mailed) {
        self.0.one().await;
    }
}

#[command]
struct Go;
#[handler(manual)]
async fn go(_: Go) -> bus::Result<()> {
    Ok(())
}

fn builder() -> bus::Builder {
    Bus::builder().provide(Index::default()).provide(Mailer(Arc::default()))
}

async fn most_of_index(bus: Bus) -> usize {
    for _ in 0..10 {
        bus.publish(Indexed).await.unwrap();
    }
    bus.shutdown().await;
    bus.resource::<Index>().unwrap().0.most()
}

#[tokio::test(start_paused = true)]
async fn the_attribute_limits_a_function() {
    let bus = builder().handler::<index>().build().unwrap();
    assert_eq!(most_of_index(bus).await, 2);
    let bus = builder().build().unwrap();
    bus.register::<index>().unwrap();
    assert_eq!(most_of_index(bus).await, 2, "registered at run time");
}

#[tokio::test(start_paused = true)]
async fn the_attribute_limits_a_method() {
    let runs = Arc::<Runs>::default();
    let bus = builder().provide(Mailer(Arc::clone(&runs))).build().unwrap();
    for _ in 0..10 {
        bus.publish(Mailed).await.unwrap();
    }
    bus.shutdown().await;
    assert_eq!(runs.most(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_builder_overrides_the_attribute() {
    let builder = builder().handler::<index>().configure::<index>(|h| h.concurrency(5));
    assert_eq!(most_of_index(builder.build().unwrap()).await, 5);
}

#[test]
fn the_builder_refuses_what_limits_nothing() {
    let builder = builder().handler::<index>().handler::<go>();
    let builder = builder.configure::<index>(|h| h.concurrency(0));
    let error = builder.configure::<go>(|h| h.concurrency(4)).build().unwrap_err();
    let [zero, of_a_command] = error.problems() else { panic!("{error}") };
    let (zero, of_a_command) = (zero.to_string(), of_a_command.to_string());
    assert!(
        zero.starts_with("`concurrency` is 0 for the handler `index` at tests/concurrency.rs:"),
        "{zero}"
    );
    assert!(zero.ends_with(", and must be at least 1"), "{zero}");
    assert!(
        of_a_command.ends_with(", and must be left out: a command runs in its caller's task"),
        "{of_a_command}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_options_limit_a_closure_of_an_event() {
    #[event]
    struct Heard;

    let bus = builder().build().unwrap();
    let runs = Arc::<Runs>::default();
    let seen = Arc::clone(&runs);
    let options = HandlerOptions::new().concurrency(NonZeroU32::MIN);
    bus.register_event_handler_with(options.clone(), move |_: Arc<Heard>, _: OwnedContext| {
        let runs = Arc::clone(&seen);
        async move { runs.one().await }
    });
    for _ in 0..3 {
        bus.publish(Heard).await.unwrap();
    }
    bus.shutdown().await;
    assert_eq!(runs.most(), 1);

    let answer = |_: Go, _: OwnedContext| async { Ok::<_, bus::Error>(()) };
    let refused = bus.register_command_handler_with(options, answer).unwrap_err();
    assert!(matches!(refused, RegisterError::LimitedCommand { .. }), "{refused}");
}
