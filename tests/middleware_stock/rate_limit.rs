//! Rate limits: what comes too often is rejected, or waits for its turn.

use std::sync::atomic::{AtomicU32, Ordering};

use bus::middleware;
use bus::{CommandErrorKind, Layer, Rate, command};

use super::{Once, Order, SECOND, bus, order};

#[tokio::test(start_paused = true)]
async fn a_rate_limit_rejects_what_comes_too_often_and_says_when_to_come_again() {
    let limit = middleware::rate_limit(Rate::new(2, 10 * SECOND));
    let (bus, log) = bus(|builder| builder.middleware(limit));
    for _ in 0..2 {
        bus.execute(order("tea")).await.unwrap();
    }
    let error = bus.execute(order("tea")).await.unwrap_err();
    match error.kind() {
        CommandErrorKind::RateLimited { by, retry_after } => {
            assert_eq!((&**by, *retry_after), ("rate limit", 5 * SECOND));
        }
        other => panic!("{other:?}"),
    }
    bus.execute(Once).await.unwrap_err();
    bus.idle().await;
    let said = log.take();
    assert!(said.contains(&"once".to_owned()), "another type has a rate of its own: {said:?}");
    // Two handlers, two events: each call counts.
    assert_eq!(said.iter().filter(|said| said.starts_with("failed")).count(), 2, "{said:?}");
    assert!(said[said.len() - 1].contains("too often, again in 5s"), "{said:?}");
    tokio::time::advance(5 * SECOND).await;
    bus.execute(order("tea")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_can_let_calls_wait_for_their_turn() {
    let by_item = |call: &bus::Call<'_>| Some(call.get::<Order>()?.item);
    let limit = middleware::rate_limit_by(Rate::new(1, SECOND), by_item).delay(2 * SECOND);
    let (bus, log) = bus(|builder| builder.middleware(limit));
    let began = tokio::time::Instant::now();
    let timed = async |item| (bus.execute(order(item)).await.is_ok(), began.elapsed().as_secs());
    let (a, b, c, d, other) =
        tokio::join!(timed("tea"), timed("tea"), timed("tea"), timed("tea"), timed("milk"));
    assert_eq!([a, b, c, d, other], [(true, 0), (true, 1), (true, 2), (false, 0), (true, 0)]);
    log.take();
    // One that is dropped while it waits has used up its turn: the next comes after it.
    tokio::time::advance(10 * SECOND).await;
    bus.execute(order("tea")).await.unwrap();
    let dropped = tokio::time::timeout(SECOND / 2, bus.execute(order("tea"))).await;
    assert!(dropped.is_err());
    let began = tokio::time::Instant::now();
    bus.execute(order("tea")).await.unwrap();
    assert_eq!(began.elapsed(), SECOND * 3 / 2);
}

#[tokio::test]
async fn a_limit_without_a_timer_rejects_and_does_not_hang() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    #[command]
    struct Plain;
    let limit = middleware::rate_limit(Rate::per_second(1)).delay(60 * SECOND);
    let (bus, _) = bus(|builder| builder.middleware(Layer::new(limit).on::<Plain>()));
    bus.register_command_handler(|_: Plain, _| async {
        CALLS.fetch_add(1, Ordering::Relaxed);
        Ok::<_, bus::Error>(())
    })
    .unwrap();
    let calls = std::thread::spawn(move || {
        // A runtime without time.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            [bus.execute(Plain).await.is_ok(), bus.execute(Plain).await.is_ok()]
        })
    });
    assert_eq!(calls.join().unwrap(), [true, false]);
    assert_eq!(CALLS.load(Ordering::Relaxed), 1);
}
