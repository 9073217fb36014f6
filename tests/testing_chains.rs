//! The test kit: chains of given, when and then say what is so.

use std::future::Future;

use bus::FilterView;
use bus::prelude::*;
use bus::testing::TestBus;

#[event]
struct Boom(bool);
#[handler]
fn defuse(boom: &Boom) -> bus::Result<()> {
    if boom.0 { Err(bus::Error::msg("the red wire")) } else { Ok(()) }
}
#[handler]
fn flee(_: &Boom, cx: &Context) {
    cx.emit(Stocked(3));
}

#[event]
struct Stocked(u32);
#[handler]
fn stocked(_: &Stocked) {}

fn build() -> TestBus {
    let builder = TestBus::builder().only("testing_chains");
    let some = |event: &FilterView<'_>| event.get::<Stocked>().is_none_or(|stocked| stocked.0 > 0);
    builder.filter(some).build().unwrap()
}

async fn fails(work: impl Future<Output = ()> + Send + 'static) -> String {
    let error = tokio::spawn(work).await.expect_err("it should fail").into_panic();
    error.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[tokio::test]
async fn an_event_that_a_handler_fails_with_does_not_succeed() {
    let text = fails(async {
        build().when_published(Boom(true)).then().succeeds().await;
    });
    let text = text.await;
    let start = "expected success, and defuse failed: the red wire\nat tests/testing_chains.rs:";
    assert!(text.starts_with(start), "{text}");
    // What failed before says nothing.
    let bus = build();
    bus.publish(Boom(true)).await.unwrap();
    bus.settle().await;
    let published = bus.when_published(Boom(false)).then().succeeds().await;
    assert!(!published.is_filtered());
    // That it was published at all, a chain gives as it is.
    bus.when_published(Boom(true)).then().expect::<Stocked>(|s| s.0 == 3).await.unwrap();
}

#[tokio::test]
async fn what_is_given_and_kept_out_is_not_so() {
    let text = fails(async {
        build().given(Stocked(0)).when_published(Boom(false)).await.unwrap();
    });
    let text = text.await;
    assert!(text.starts_with("what is given is not so: Stocked was kept out by "), "{text}");
    build().given(Stocked(1)).when_published(Boom(false)).await.unwrap();
}
