//! What has come before is not handled again.

use bus::middleware;

use super::{Order, Ordered, SECOND, bus, order};

#[tokio::test(start_paused = true)]
async fn a_key_is_handled_once_by_each_handler_and_given_back_by_what_failed() {
    let key = |call: &bus::Call<'_>| {
        let ordered = call.get::<Ordered>().map(|ordered| ordered.0);
        ordered.or_else(|| Some(call.get::<Order>()?.item))
    };
    let (bus, log) = bus(|builder| builder.middleware(middleware::dedup(60 * SECOND, key)));
    for _ in 0..2 {
        bus.publish(Ordered("tea")).await.unwrap();
    }
    bus.idle().await;
    assert_eq!(log.take(), ["ordered tea", "also tea"]);
    let stats = bus.handler_stats();
    let of_also = stats.iter().find(|stats| stats.handler.name == "also").unwrap();
    assert_eq!((of_also.runs, of_also.skipped), (1, 1));

    bus.execute(order("milk")).await.unwrap();
    let again = bus.execute(order("milk")).await.unwrap_err().to_string();
    assert!(again.contains("dedup: it was handled a short while ago"), "{again}");
    tokio::time::advance(60 * SECOND).await;
    bus.execute(order("milk")).await.unwrap();

    // What has failed, and what was dropped, may come again.
    let trouble = |item| Order { item, count: 1, troubles: 1 };
    for item in ["bread", "panics", "hangs"] {
        bus.execute(trouble(item)).await.unwrap_err();
        assert!(bus.execute(order(item)).await.is_ok(), "{item} was not given back");
    }
    bus.idle().await;
    tokio::time::advance(60 * SECOND).await;
    let dropped = tokio::time::timeout(SECOND, bus.execute(trouble("hangs"))).await;
    assert!(dropped.is_err());
    bus.execute(order("hangs")).await.unwrap();
}
