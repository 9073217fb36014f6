//! Calls that are cut: by a timeout, by the caller, by the end of a session or of the bus, and by a panic.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bus::{
    Call, CancelledBy, CommandErrorKind, Handled, Layer, Middleware, Next, Res, async_trait, event,
    handler,
};

use super::{Double, Emitted, Hang, Log, Noticed, Spend, bus};

/// Waits, before or after what comes next, for ever.
struct Waits {
    before: bool,
}
#[async_trait]
impl Middleware for Waits {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let log = call.context().resource::<Log>().unwrap().into_arc();
        let _noticed = Noticed(Arc::clone(&log), "middleware");
        call.context().emit(Emitted("a middleware that waits"));
        if self.before {
            pending::<()>().await;
        }
        let _ = next.run(call).await;
        log.say(call.ended().unwrap().to_string());
        pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn the_timeout_is_of_the_handler_and_of_what_is_a_part_of_its_run() {
    let (outer, log) = bus(|builder| builder.middleware(Waits { before: false }));
    let executed = tokio::time::timeout(Duration::from_secs(60), outer.execute(Hang)).await;
    assert!(executed.is_err(), "nobody cuts an outer middleware but its caller");
    assert_eq!(log.take(), ["handler dropped", "timed out after 5s", "middleware dropped"]);

    let (inner, log) =
        bus(|builder| builder.middleware(Layer::new(Waits { before: true }).per_attempt()));
    let error = inner.execute(Hang).await.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::TimedOut { .. }), "{error}");
    assert_eq!(log.take(), ["middleware dropped"]);
    for bus in [outer, inner] {
        assert_eq!(
            bus.shutdown().await.completed,
            0,
            "something that did not end well has emitted"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_call_is_cancelled_wherever_it_is() {
    let places = [
        (Waits { before: true }, false, "middleware dropped"),
        (Waits { before: true }, true, "middleware dropped"),
        (Waits { before: false }, false, "handler dropped|middleware dropped"),
        (Waits { before: false }, true, "handler dropped|middleware dropped"),
    ];
    for (waits, per_attempt, expected) in places {
        let layer = Layer::new(waits);
        let layer = if per_attempt { layer.per_attempt() } else { layer };
        let (bus, log) = bus(|builder| builder.middleware(layer));
        // Its caller drops it ..
        let second = Duration::from_secs(1);
        assert!(tokio::time::timeout(second, bus.execute(Hang)).await.is_err());
        assert_eq!(log.take().join("|"), expected);
        // .. or has it cancelled.
        let cancel_on = tokio::time::sleep(second);
        let error = bus.execute(Hang).cancel_on(cancel_on).await.unwrap_err();
        assert!(
            matches!(error.kind(), CommandErrorKind::Cancelled(CancelledBy::Caller)),
            "{error}"
        );
        assert_eq!(log.take().join("|"), expected);
        assert_eq!(bus.stats().commands_in_flight, 0);
        assert_eq!(bus.shutdown().await.completed, 0, "a call that was cancelled has emitted");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_session_cuts_what_was_executed_in_it() {
    let (bus, log) = bus(|builder| builder.middleware(Waits { before: true }));
    let session = bus.session("s").close_timeout(Duration::from_secs(1)).open().await.unwrap();
    let handle = session.handle();
    let (ended, _) = tokio::join!(handle.execute(Hang), session.close());
    let error = ended.unwrap_err();
    assert!(
        matches!(error.kind(), CommandErrorKind::Cancelled(CancelledBy::Session(_))),
        "{error}"
    );
    assert_eq!(log.take(), ["middleware dropped"]);
}

#[tokio::test]
async fn destructors_that_panic_are_kept_from_the_bus() {
    struct Explodes;
    impl Drop for Explodes {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    struct Carries;
    #[async_trait]
    impl Middleware for Carries {
        async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
            let _explodes = Explodes;
            next.run(call).await
        }
    }
    let (bus, _) = bus(|builder| builder.middleware(Layer::new(Carries).on::<Double>()));
    let told = bus.execute(Double(1)).await.unwrap_err().to_string();
    assert!(told.ends_with("it panicked: in a destructor"), "{told}");
    assert_eq!(bus.stats().commands_in_flight, 0);
    assert_eq!(bus.execute(Spend(3)).await.unwrap(), 3, "the bus goes on");
}

#[event]
struct Stuck;
#[handler(manual)]
async fn stuck(_: &Stuck, log: &Res<Log>) {
    let _noticed = Noticed(Arc::clone(&log.clone().into_arc()), "handler");
    pending::<()>().await;
}

#[tokio::test(start_paused = true)]
async fn the_handler_of_an_event_is_cut_wherever_it_is() {
    let second = Duration::from_secs(1);
    let places = [
        (true, false, "middleware dropped"),
        (true, true, "middleware dropped"),
        (false, false, "handler dropped|middleware dropped"),
        (false, true, "handler dropped|middleware dropped"),
    ];
    for (before, per_attempt, expected) in places {
        let make = || {
            let layer = Layer::new(Waits { before }).on::<Stuck>();
            let layer = if per_attempt { layer.per_attempt() } else { layer };
            bus(|b| b.middleware(layer).event_timeout(None).shutdown_timeout(second, second))
        };
        // By the end of the session whose handler it is ..
        let (bus, log) = make();
        let session = bus.session("s").close_timeout(second).open().await.unwrap();
        session.register::<stuck>().unwrap();
        session.publish(Stuck).await.unwrap();
        tokio::time::sleep(second).await;
        assert!(!session.close().await.is_clean(), "something was cut");
        assert_eq!(log.take().join("|"), expected);
        let failed = bus.recent_failures();
        assert!(
            failed[0].error.ends_with("was cancelled by the end of session s"),
            "{}",
            failed[0]
        );
        assert_eq!(bus.shutdown().await.completed, 0, "what was cut has emitted");

        // .. or by that of the bus.
        let (bus, log) = make();
        bus.register::<stuck>().unwrap();
        bus.publish(Stuck).await.unwrap();
        let report = bus.shutdown().await;
        assert_eq!((report.abandoned, report.completed), (vec!["stuck".to_owned()], 0));
        assert_eq!(log.take().join("|"), expected);
    }
}
