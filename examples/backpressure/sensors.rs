//! The story: three sensors measure faster than their readings can be stored.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bus::Outcome;
use bus::prelude::*;
use tokio::time::Instant;

pub(crate) const SENSORS: usize = 3;
const READINGS_EACH: usize = 400;
/// All that the sensors measure.
pub(crate) const BURST: usize = SENSORS * READINGS_EACH;
const MILLISECOND: Duration = Duration::from_millis(1);
/// One a millisecond.
pub(crate) const STORED_PER_SECOND: u32 = 1000;

#[event]
pub(crate) struct Reading {
    celsius: f64,
}

/// Where readings go.
#[derive(Default)]
pub(crate) struct Store(Mutex<Vec<f64>>);

impl Store {
    fn insert(&self, celsius: f64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(celsius);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[resource]
fn store() -> Store {
    Store::default()
}

/// One after the other, as the store has one connection.
#[handler(concurrency = 1)]
async fn save(reading: &Reading, store: &Res<Store>) {
    tokio::time::sleep(MILLISECOND).await;
    store.insert(reading.celsius);
}

/// What publishers were told: one of them, or all.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) published: usize,
    pub(crate) refused: usize,
    /// How many older ones were dropped for theirs.
    pub(crate) dropped: usize,
    /// In `publish`.
    pub(crate) waited: Duration,
    /// In readings per second, where there was a limit.
    pub(crate) lowest_rate: Option<f64>,
}

impl Told {
    pub(crate) fn add(&mut self, other: &Told) {
        self.published += other.published;
        self.refused += other.refused;
        self.dropped += other.dropped;
        self.waited += other.waited;
        self.saw(other.lowest_rate);
    }

    fn saw(&mut self, rate: Option<f64>) {
        self.lowest_rate = [self.lowest_rate, rate].into_iter().flatten().reduce(f64::min);
    }
}

/// One sensor.
pub(crate) async fn measure(bus: Bus) -> Told {
    let mut told = Told::default();
    for n in 0..READINGS_EACH {
        let reading = Reading { celsius: 20.0 + n as f64 / 100.0 };
        let since = Instant::now();
        match bus.publish(reading).await {
            Ok(published) => {
                told.published += 1;
                if let Outcome::QueuedAfterDropping(older) = published.outcome {
                    told.dropped += older;
                }
            }
            // The reading comes back: a sensor could keep it for later.
            Err(refused) => {
                let _reading = refused.into_event();
                told.refused += 1;
            }
        }
        told.waited += since.elapsed();
        told.saw(bus.event_queue().stats().rate_limit);
        tokio::time::sleep(MILLISECOND).await;
    }
    told
}
