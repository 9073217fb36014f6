//! Handlers of one name and place.

use std::sync::Arc;
use std::time::Duration;

use bus::{Error, HandlerOptions, OwnedContext, event};

use super::bus;

#[event]
struct Rung;

#[tokio::test]
async fn each_has_its_line() {
    let bus = bus(|builder| builder.trace_history(10));
    for number in 0..2 {
        let options = HandlerOptions::new().name("bell").dead_letters(true);
        let ring = move |_: Arc<Rung>, cx: OwnedContext| async move {
            cx.sleep(Duration::from_millis(10 - 5 * number)).await;
            if number == 0 { Err(Error::msg("no bell")) } else { Ok(()) }
        };
        let _ = bus.register_event_handler_with(options, ring).unwrap();
    }
    let id = bus.publish(Rung).await.unwrap().id;
    let lines = |ends: &[&str]| {
        let text = bus.trace_tree(id).to_string();
        let mut lines: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(lines.len(), ends.len(), "{text}");
        for end in ends {
            let at = lines.iter().position(|line| line.contains(end));
            lines.remove(at.unwrap_or_else(|| panic!("{end}: {text}")));
        }
    };
    bus.advance(Duration::from_millis(7)).await;
    lines(&[": ok, 1 attempt, 5ms", ": at work, 1 attempt"]);
    bus.run(bus.idle()).await;
    lines(&[": ok, 1 attempt, 5ms", ": no bell, 1 attempt, 10ms, dead letter dl-"]);
    let letter = bus.dead_letters().list()[0].id;
    bus.run(bus.dead_letters().retry(letter)).await.unwrap_err();
    lines(&[": ok, 1 attempt, 5ms", ": no bell, 2 attempts, 20ms, dead letter dl-"]);
}
