//! Trouble that is made on purpose.

use bus::middleware;
use bus::{CommandErrorKind, Layer};

use super::{Order, SECOND, bus, order};

#[tokio::test(start_paused = true)]
async fn chaos_makes_the_trouble_that_it_is_told_to() {
    let always = middleware::chaos().latency(1.0, 10 * SECOND..11 * SECOND);
    let (slow, _) = bus(|builder| builder.middleware(always));
    let error = slow.execute(order("tea")).await.unwrap_err();
    let timed_out = matches!(error.kind(), CommandErrorKind::TimedOut { .. });
    assert!(timed_out, "it stands inside of the timeout: {error}");

    let chaos = middleware::chaos().fault(1.0, "no route");
    let (faulty, log) = bus(|builder| builder.middleware(chaos.clone()));
    let error = faulty.execute(order("tea")).await.unwrap_err().to_string();
    assert!(error.ends_with("middleware chaos: no route"), "{error}");
    chaos.enable(false);
    faulty.execute(order("tea")).await.unwrap();
    faulty.idle().await;
    assert_eq!(log.take().len(), 3, "the handler was called when it was switched off");

    let (panicking, log) = bus(|builder| builder.middleware(middleware::chaos().panic(1.0)));
    let error = panicking.execute(order("tea")).await.unwrap_err().to_string();
    assert!(error.ends_with("middleware chaos: it panicked: chaos"), "{error}");
    assert_eq!(log.take(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn chaos_is_repeatable_and_hits_the_part_that_it_is_told_to() {
    let outcomes = async |seed| {
        let chaos = middleware::chaos().fault(0.25, "no route").seed(seed);
        let (bus, _) = bus(|builder| builder.middleware(Layer::new(chaos).on::<Order>()));
        let mut failed = Vec::new();
        for n in 0..1000 {
            if bus.execute(order("tea")).await.is_err() {
                failed.push(n);
            }
        }
        failed
    };
    let first = outcomes(42).await;
    assert!((200..300).contains(&first.len()), "{} of 1000", first.len());
    assert_eq!(first, outcomes(42).await);
    assert_ne!(first, outcomes(43).await);
}
