//! Answers in place of the handler's, and calls of the handler again.

use std::borrow::Cow;
use std::sync::Arc;

use bus::{Call, Handled, Layer, Middleware, Next, async_trait, command, handler, middleware};

use super::{Double, Emits, Spend, bus};

/// Answers of its own.
struct Replies;
#[async_trait]
impl Middleware for Replies {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        match call.get::<Double>().map(|double| double.0) {
            Some(1) => return call.reply::<Double>(Ok(100)),
            Some(2) => return call.reply::<Spend>(Ok(100)),
            Some(3) => return call.skip(),
            _ => {}
        }
        let handled = next.run(call).await;
        assert!(call.get::<Double>().is_none(), "the command was moved into its handler");
        assert!(call.result::<Spend>().is_none(), "the answer is that of a `Double`");
        match call.result::<Double>() {
            Some(Ok(8)) => call.reply::<Double>(Err(bus::Error::msg("an eight"))),
            Some(Ok(10)) => {
                let ten = call.take_result::<Double>().unwrap().unwrap();
                assert!(call.ended().is_none() && call.take_result::<Double>().is_none());
                call.reply::<Double>(Ok(ten + 1))
            }
            Some(Ok(12)) => {
                let _twelve = call.take_result::<Double>();
                handled
            }
            _ => handled,
        }
    }
    fn name(&self) -> Cow<'static, str> {
        "replies".into()
    }
}

#[tokio::test]
async fn a_middleware_answers_in_place_of_the_handler() {
    let (bus, log) = bus(|builder| builder.middleware(Layer::new(Replies).on::<Double>()));
    let mut answers = Vec::new();
    for n in 1..=7 {
        let answer = bus.execute(Double(n)).await;
        answers.push(answer.map_or_else(|error| error.to_string(), |n| n.to_string()));
    }
    let name = "middleware::Double";
    let rejected = format!("command {name} was rejected by middleware replies:");
    assert_eq!(
        answers,
        [
            "100".to_owned(),
            format!("{rejected} it has answered a {name} as if it were a middleware::Spend"),
            format!("{rejected} it has skipped a command, which has to be answered"),
            format!("command {name} failed: an eight"),
            "11".to_owned(),
            format!("{rejected} it has dropped or taken the answer, and given none"),
            "14".to_owned(),
        ]
    );
    let called = log.take().len();
    assert_eq!(called, 4, "the handler was called for 4, 5, 6 and 7");
}

/// Calls `next` twice.
struct Twice {
    keeps: bool,
}
#[async_trait]
impl Middleware for Twice {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let kept = self.keeps && call.keep();
        assert!(!kept || call.info().short_name() == "Double", "it cannot be kept");
        let _ = next.run(call).await;
        assert_eq!(call.get::<Double>().is_some(), kept && call.info().short_name() == "Double");
        next.run(call).await
    }
}

#[tokio::test]
async fn a_command_is_handled_again_only_if_it_is_kept() {
    let (keeping, log) = bus(|builder| builder.middleware(Twice { keeps: true }));
    let report = keeping.execute(Double(2)).detailed().await;
    assert_eq!((report.result.unwrap(), report.attempts, log.take().len()), (4, 2, 2));

    let (careless, log) = bus(|builder| builder.middleware(Twice { keeps: false }));
    let report = careless.execute(Double(2)).detailed().await;
    assert_eq!((report.attempts, log.take().len()), (1, 1));
    let told = report.result.unwrap_err().to_string();
    assert!(told.ends_with("derive `Clone` for it, or let the handler take `&Double`"), "{told}");
    // A type that is not `Clone` cannot be kept.
    let told = keeping.execute(Spend(1)).await.unwrap_err().to_string();
    assert!(told.contains("Spend was moved into its handler"), "{told}");
}

/// Not `Clone`.
#[command(output = usize)]
struct InAnArc;
type Shared = Arc<InAnArc>;
#[handler]
async fn in_an_arc(command: Shared) -> bus::Result<usize> {
    // What is kept, and this.
    Ok(Arc::strong_count(&command))
}

struct Again;
#[async_trait]
impl Middleware for Again {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        assert!(call.keep());
        let _ = next.run(call).await;
        next.run(call).await
    }
}

#[tokio::test]
async fn a_command_that_its_handler_takes_in_an_arc_is_kept_without_a_clone() {
    let (linked, _) = bus(|builder| builder.middleware(Layer::new(Again).on::<InAnArc>()));
    let report = linked.execute(InAnArc).detailed().await;
    assert_eq!((report.result.unwrap(), report.attempts), (2, 2));

    let (closed, _) =
        bus(|builder| builder.without::<in_an_arc>().middleware(Layer::new(Again).on::<InAnArc>()));
    let handler = |command: Shared, _: bus::OwnedContext| async move {
        Ok::<_, bus::Error>(Arc::strong_count(&command))
    };
    closed.register_command_handler(handler).unwrap();
    assert_eq!(closed.execute(InAnArc).await.unwrap(), 2);
}

#[tokio::test]
async fn a_command_that_is_answered_with_nothing_cannot_be_skipped_either() {
    let skips = middleware::from_fn("skips", |call, _| Box::pin(async move { call.skip() }));
    let (bus, _) = bus(|builder| builder.middleware(skips));
    let error = bus.execute(Emits).await.unwrap_err().to_string();
    assert!(
        error.ends_with("skips: it has skipped a command, which has to be answered"),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_is_gone_when_another_is_asked_for() {
    let drops = middleware::from_fn("drops", |call, next| {
        Box::pin(async move {
            assert!(call.keep());
            let handled = next.run(call).await;
            // The handler waits once.
            let mut again = Box::pin(next.run(call));
            std::future::poll_fn(|task| {
                assert!(again.as_mut().poll(task).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
            drop(again);
            assert!(call.ended().is_none() && !call.is_ok());
            handled
        })
    });
    let (bus, log) = bus(|builder| builder.middleware(drops));
    let error = bus.execute(Double(1)).await.unwrap_err().to_string();
    assert!(
        error.ends_with("drops: it has dropped or taken the answer, and given none"),
        "{error}"
    );
    assert_eq!(log.take().len(), 2);
}
