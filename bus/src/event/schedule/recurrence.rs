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
    pub(super) fn first(&mut self, clock: &dyn Clock) -> Result<Instant, &'static str> {
        match self {
            Self::Every(period) => clock.now().checked_add(*period).ok_or(TOO_FAR),
            #[cfg(feature = "cron")]
            Self::Cron(times) => {
                times.next(None, clock).ok_or("there is no time that fits the pattern")
            }
        }
    }

    /// The next time after now. `last` is when it was due.
    pub(super) fn next(&mut self, last: Instant, clock: &dyn Clock) -> Option<Instant> {
        match self {
            Self::Every(period) => next_of(last, *period, clock.now()),
            #[cfg(feature = "cron")]
            Self::Cron(times) => times.next(Some(last), clock),
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
    use jiff::tz::TimeZone;
    use jiff::{SignedDuration, Timestamp};

    use super::super::later::Due;
    use super::Recurrence;
    use crate::clock::Clock;

    pub(crate) struct Times {
        pattern: Cron,
        zone: TimeZone,
        /// The last time that was found, by the wall clock and by that of the bus.
        found: Option<(Timestamp, Instant)>,
    }

    /// A wall clock that is put back by less than this does not let a time come again. One that is put
    /// back further was wrong before.
    const PUT_BACK: SignedDuration = SignedDuration::from_hours(1);

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
                    Due::Again(Recurrence::Cron(Box::new(Self { pattern, zone, found: None })))
                }
                (Err(why), _) => Due::Never(format!("the cron pattern {pattern:?}: {why}")),
                (_, Err(why)) => Due::Never(format!("the time zone {zone:?}: {why}")),
            }
        }

        /// The first time after now. `last` is when it was due.
        pub(super) fn next(&mut self, last: Option<Instant>, clock: &dyn Clock) -> Option<Instant> {
            // In this order: what passes between the two makes it late, and not early.
            let (time, now) = (clock.system_time(), clock.now());
            let time = Timestamp::try_from(time).ok()?;
            // Where it was not moved. The two clocks do not run alike, so that the time which is over
            // may lie ahead.
            let over = self.found.filter(|(_, at)| Some(*at) == last).map(|(over, _)| over);
            let over = over.filter(|over| over.duration_since(time) < PUT_BACK);
            let after = over.map_or(time, |over| over.max(time)).to_zoned(self.zone.clone());
            let next = self.pattern.find_next_occurrence(&after, false).ok()?.timestamp();
            let at = now.checked_add(next.duration_since(time).try_into().ok()?)?;
            self.found = Some((next, at));
            Some(at)
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
