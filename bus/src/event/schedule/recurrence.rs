//! When an event comes again. What was missed is skipped.

use std::time::{Duration, Instant};

use super::later::Due;
use crate::clock::Clock;

/// Why an event cannot be scheduled that is due in a thousand million years.
pub(super) const TOO_FAR: &str = "the clock does not reach so far";

pub(crate) enum Recurrence {
    Every(Duration),
    #[cfg(feature = "cron")]
    Cron(Box<cron::Times>),
}

impl Recurrence {
    pub(crate) fn every(period: Duration) -> Due {
        if period.is_zero() {
            return Due::Never("an event that recurs needs a period above zero".to_owned());
        }
        Due::Again(Self::Every(period))
    }

    /// Else why there is none.
    pub(super) fn first(&self, clock: &dyn Clock) -> Result<Instant, &'static str> {
        match self {
            Self::Every(period) => clock.now().checked_add(*period).ok_or(TOO_FAR),
            #[cfg(feature = "cron")]
            Self::Cron(times) => times.next(clock).ok_or("there is no time that fits the pattern"),
        }
    }

    /// The next time after now. `last` is when it was due.
    pub(super) fn next(&self, last: Instant, clock: &dyn Clock) -> Option<Instant> {
        match self {
            Self::Every(period) => next_of(last, *period, clock.now()),
            #[cfg(feature = "cron")]
            Self::Cron(times) => times.next(clock),
        }
    }
}

/// The first of `last + period`, `last + 2 * period`, .. that lies after `now`.
fn next_of(last: Instant, period: Duration, now: Instant) -> Option<Instant> {
    let late = now.saturating_duration_since(last).as_nanos();
    let times = late / period.as_nanos() + 1;
    let nanos = period.as_nanos().checked_mul(times)?;
    let secs = u64::try_from(nanos / 1_000_000_000).ok()?;
    // The remainder is below a thousand million.
    let nanos = u32::try_from(nanos % 1_000_000_000).ok()?;
    last.checked_add(Duration::new(secs, nanos))
}

#[cfg(feature = "cron")]
pub(crate) mod cron {
    //! Times by a cron pattern, in a time zone.

    use std::time::Instant;

    use croner::Cron;
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::super::later::Due;
    use super::Recurrence;
    use crate::clock::Clock;

    pub(crate) struct Times {
        pattern: Cron,
        zone: TimeZone,
    }

    impl Times {
        pub(crate) fn parse(pattern: &str, zone: &str) -> Due {
            let parsed: Result<Cron, _> = pattern.parse();
            // Known without a database, which a slim image does not have.
            let known = match zone {
                "UTC" => Ok(TimeZone::UTC),
                zone => TimeZone::get(zone),
            };
            match (parsed, known) {
                (Ok(pattern), Ok(zone)) => {
                    Due::Again(Recurrence::Cron(Box::new(Self { pattern, zone })))
                }
                (Err(why), _) => Due::Never(format!("the cron pattern {pattern:?}: {why}")),
                (_, Err(why)) => Due::Never(format!("the time zone {zone:?}: {why}")),
            }
        }

        pub(super) fn next(&self, clock: &dyn Clock) -> Option<Instant> {
            let (now, time) = (clock.now(), clock.system_time());
            let time = Timestamp::try_from(time).ok()?.to_zoned(self.zone.clone());
            let next = self.pattern.find_next_occurrence(&time, false).ok()?;
            let wait = next.timestamp().duration_since(time.timestamp());
            now.checked_add(wait.try_into().ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::next_of;
    use std::time::{Duration, Instant};

    #[test]
    fn what_was_missed_is_skipped_and_the_beat_is_kept() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let next = |now| next_of(at(100), Duration::from_millis(50), at(now)).unwrap();
        assert_eq!(next(100), at(150));
        assert_eq!(next(149), at(150));
        assert_eq!(next(150), at(200), "not now, but after now");
        assert_eq!(next(420), at(450));
        assert_eq!(next(0), at(150), "a clock that went back");
        assert_eq!(next_of(start, Duration::MAX, start), None);
    }
}
