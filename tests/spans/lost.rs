//! What becomes of an event after it was queued is in its span too.

use bus::{BackpressureStrategy, Bus, event, handler};

use super::seen::Seen;

#[event]
struct Seat;
#[handler]
fn taken(_: &Seat) {}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_dropped_says_so_in_its_span() {
    let seen = Seen::default();
    let _installed = seen.install();
    let builder = Bus::builder().event_queue_size(1);
    let bus = builder.backpressure_strategy(BackpressureStrategy::DropOldest).build().unwrap();
    // In one go: the dispatcher has no time to take the first.
    for _ in 0..2 {
        bus.try_publish(Seat).unwrap();
    }
    bus.idle().await;
    assert_eq!(bus.stats().dropped, 1);
    let spans = seen.named("publish");
    let of_seats = spans.iter().filter(|(_, span)| span.fields["otel.name"].ends_with("Seat"));
    let ends: Vec<_> = of_seats
        .map(|(_, span)| {
            assert!(span.closed);
            (span.fields.get("error.type").cloned(), span.fields.get("otel.status_code").cloned())
        })
        .collect();
    let lost = (Some("queue_full".to_owned()), Some("ERROR".to_owned()));
    assert_eq!(ends, [lost, (None, None)]);
}
