//! The tests of the domain.

use std::time::Duration;

use bus::prelude::*;
use bus::testing::{self, Faulty, TestBus, TestBusBuilder, expect_exactly};

use crate::lockers::{
    self, Collect, Deposit, Deposited, Lockers, NoLocker, REMIND_AFTER, RETURN_AFTER, Reminded,
    Returned, SendText, Unreachable,
};

const HOUR: Duration = Duration::from_secs(3600);
const TEA: Deposit = Deposit { parcel: "tea" };

/// Nobody is told anything, unless the switch is thrown: then the service is away.
fn build(builder: TestBusBuilder) -> (TestBus, Faulty) {
    let service = Faulty::new("the service");
    let answers = service.clone();
    let bus = builder.fake::<SendText>(move |_| answers.check().map_err(|_| Unreachable));
    (bus.build().unwrap(), service)
}

fn bus() -> TestBus {
    build(TestBus::builder()).0
}

#[tokio::test]
async fn a_parcel_is_put_into_a_locker() {
    let bus = bus();
    bus.when(TEA).then().gives(|number| *number == 1).expect_count::<Deposited>(1).await;
    bus.given_executed(Deposit { parcel: "cup" })
        .when(Deposit { parcel: "pot" })
        .then()
        .fails_with(|error| *error == NoLocker)
        .expect_none::<Deposited>()
        .await;
}

#[tokio::test]
async fn its_owner_is_reminded_and_then_it_goes_back() {
    let bus = bus();
    bus.execute(TEA).await.unwrap();
    bus.advance(REMIND_AFTER - HOUR).await;
    bus.expect_none::<Reminded>();
    bus.advance(HOUR).await;
    bus.expect::<Reminded>().with(|reminded| reminded.parcel == "tea").once();
    bus.advance(RETURN_AFTER).await;
    expect_exactly!(bus, Deposited, lockers::Due, Reminded, lockers::Due, Returned);
    assert!(!bus.resource::<Lockers>().unwrap().has("tea"));
}

#[tokio::test]
async fn what_was_collected_is_left_alone() {
    let bus = bus();
    let texts = bus.fake::<SendText>(|_| Ok(()));
    bus.given_executed(TEA)
        .passed(HOUR)
        .when(Collect { parcel: "tea" })
        .after(2 * RETURN_AFTER)
        .then()
        .gives(|was_there| *was_there)
        .expect_none::<Reminded>()
        .expect_none::<Returned>()
        .await;
    assert!(texts.count() == 1 && texts.calls()[0].text == "it is here");
}

#[tokio::test]
async fn while_the_service_is_away_it_is_tried_again() {
    let (bus, service) = build(TestBus::builder());
    service.fail_next(2);
    bus.execute(TEA).await.unwrap();
    bus.settle().await;
    assert_eq!(service.calls(), 1);
    bus.advance(Duration::from_secs(30)).await;
    assert_eq!((service.calls(), service.failed()), (3, 2));
    service.fail_always();
    bus.execute(Deposit { parcel: "cup" }).await.unwrap();
    bus.advance(HOUR).await;
    bus.expect_dead_letter::<Deposited>();
    assert_eq!(bus.dead_letters().len(), 1);
}

/// A handler is a function, and can be called as one.
#[tokio::test]
async fn the_handler_of_a_deposit() {
    let cx = Context::for_test().provide(Lockers::default());
    let number = lockers::deposit(&TEA, cx.param(), cx.param()).await.unwrap();
    assert_eq!((number, cx.emitted::<Deposited>().len()), (1, 1));
}

/// In whatever order handlers go on: no parcel is lost, and none is there twice.
#[test]
fn two_callers_and_two_lockers() {
    testing::explore(0..50, |builder| async {
        let (bus, _) = build(builder);
        let deposits = ["tea", "cup", "pot"].map(|parcel| bus.execute(Deposit { parcel }));
        let [tea, cup, pot] = deposits;
        let (tea, cup, pot) = tokio::join!(tea, cup, pot);
        assert_eq!([tea.is_ok(), cup.is_ok(), pot.is_ok()].iter().filter(|ok| **ok).count(), 2);
        bus.settle().await;
        bus.expect::<Deposited>().times(2);
        bus.advance(2 * RETURN_AFTER).await;
        bus.expect::<Returned>().times(2);
    });
}

/// All handlers are in the program.
#[test]
fn the_wiring() {
    testing::assert_wiring!(file = "examples/testing/bus.manifest.json");
}
