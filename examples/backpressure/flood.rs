//! One strategy, one fresh bus, the whole burst; and the account of it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bus::prelude::*;
use bus::{BackpressureStrategy, QueueMarkEvent, QueueStats};
use tokio::task::JoinSet;

use crate::sensors::{BURST, SENSORS, Store, Told, measure};

pub(crate) const QUEUE: usize = 200;

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    strategy: &'static str,
    /// By the publishers.
    pub(crate) told: Told,
    /// By the handler.
    pub(crate) handled: usize,
    /// By the queue.
    counted: QueueStats,
    /// To `on_queue_mark`.
    pub(crate) marks: Vec<QueueMarkEvent>,
}

pub(crate) async fn flood(
    name: &'static str,
    strategy: BackpressureStrategy,
) -> Result<Row, Box<dyn std::error::Error>> {
    let marks = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&marks);
    let bus = Bus::builder()
        .event_queue_size(QUEUE)
        .backpressure_strategy(strategy)
        // Called by whoever makes the queue cross the mark: it keeps the event, and is gone.
        .on_queue_mark(move |mark| {
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(mark.clone());
        })
        .build()?;

    let mut sensors = JoinSet::new();
    for _ in 0..SENSORS {
        sensors.spawn(measure(bus.clone()));
    }
    let mut told = Told::default();
    while let Some(one) = sensors.join_next().await {
        told.add(&one?);
    }
    bus.idle().await; // all that was queued is stored

    let handled = bus.resource::<Store>()?.len();
    let counted = bus.event_queue().stats();
    bus.shutdown().await;
    let marks = std::mem::take(&mut *marks.lock().unwrap_or_else(PoisonError::into_inner));
    let row = Row { strategy: name, told, handled, counted, marks };
    row.check()?;
    Ok(row)
}

impl Row {
    /// Nothing disappears without a word.
    fn check(&self) -> Result<(), String> {
        let Self { strategy, told, handled, counted, .. } = self;
        let Told { published, refused, dropped, .. } = *told;
        let by_queue = [counted.accepted, counted.rejected, counted.dropped];
        if published + refused != BURST {
            Err(format!("{strategy}: {published} published and {refused} refused are not {BURST}"))
        } else if handled + dropped != published {
            Err(format!("{strategy}: {handled} handled and {dropped} dropped are not {published}"))
        } else if by_queue != [published, refused, dropped].map(|count| count as u64) {
            Err(format!("{strategy}: publishers were told {told:?}, and counted was {counted:?}"))
        } else {
            Ok(())
        }
    }
}

/// The heads of the columns, as wide as those of a row.
pub(crate) struct Heads;

impl fmt::Display for Heads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<17} {:>9} {:>7} {:>7} {:>7} {:>7} {:>7} {:>4} {:>11}",
            "strategy",
            "published",
            "refused",
            "dropped",
            "handled",
            "largest",
            "waited",
            "high",
            "lowest rate"
        )
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { strategy, told, handled, counted, .. } = self;
        let Told { published, refused, dropped, waited, lowest_rate } = told;
        let waited = format!("{} ms", waited.as_millis());
        let rate = lowest_rate.map_or("-".to_owned(), |rate| format!("{rate:.0}/s"));
        let (largest, high) = (counted.largest, counted.times_high);
        write!(f, "{strategy:<17} {published:>9} {refused:>7} {dropped:>7} {handled:>7} ")?;
        write!(f, "{largest:>7} {waited:>7} {high:>4} {rate:>11}")
    }
}
