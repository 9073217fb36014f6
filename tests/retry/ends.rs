//! The end comes while another attempt is waited for: of a session, of the call, and of the bus.

use std::sync::Arc;

use bus::prelude::*;
use bus::{Call, Handled, Jitter, Next, RetryConfig, middleware};

use super::{Do, Done, MS, Transient, Was, build, hear};

#[tokio::test]
async fn a_session_that_ends_ends_the_waiting() {
    let (bus, _) = build(&[Transient], |builder| builder.session_close_timeout(MS));
    let session = bus.session("short").open().await.unwrap();
    let retry =
        RetryConfig { initial_delay: 3_000 * MS, jitter: Jitter::None, ..RetryConfig::default() };
    let options = bus::HandlerOptions::new().priority(1).retry(retry);
    session
        .register_command_handler_with(options, |_: Arc<Do>, _: OwnedContext| async {
            Err::<u32, _>(Was(Transient))
        })
        .unwrap();
    let (done, ()) = tokio::join!(session.execute(Do), async {
        bus.advance(500 * MS).await;
        bus.run(session.close()).await;
    });
    let error = done.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::Cancelled(_)), "{error}");
}

#[tokio::test]
async fn dropping_the_future_ends_the_waiting() {
    let (bus, calls) = build(&[Transient], |builder| builder);
    tokio::select! {
        biased;
        _ = bus.execute(Do) => panic!("it is over before its caller gives up"),
        () = bus.advance(150 * MS) => {}
    }
    bus.advance(10_000 * MS).await;
    assert_eq!(calls.times().len(), 2);
    assert_eq!(bus.stats().commands_in_flight, 0);
    assert!(bus.dead_letters().is_empty(), "its caller has dropped it: nobody gave up on it");
}

#[middleware(manual)]
async fn passes(call: &mut Call<'_>, next: Next) -> Handled {
    next.run(call).await
}

#[tokio::test]
async fn a_shutdown_in_the_middle_of_a_later_round_keeps_what_has_failed() {
    for around in [false, true] {
        let later = [3_600_000 * MS];
        let (bus, calls) = build(&[Transient], |builder| {
            let builder = builder.configure::<hear>(|h| h.no_retry().delayed_retries(later));
            let builder = builder.configure::<hear>(|h| h.dead_letters(true));
            let builder = builder.shutdown_timeout(5_000 * MS, 1_000 * MS);
            if around { builder.middleware(passes {}) } else { builder }
        });
        bus.publish(Done).await.unwrap();
        bus.settle().await;
        let report = bus.run(bus.shutdown()).await;
        assert!(bus.clock().elapsed() < 7_000 * MS);
        // The event was dropped, before all its handlers were done with it; of this one, it is known how.
        assert_eq!((report.dropped, report.failed), (1, 1), "{report}");
        assert!(report.abandoned.is_empty(), "{report}");
        assert_eq!(calls.times().len(), 1);
        let letters = bus.dead_letters().list();
        assert_eq!(letters.len(), 1, "{report}");
        assert_eq!((letters[0].attempts, letters[0].error.as_str()), (1, "it was Transient"));
    }
}
