//! The identity of a dead letter.

use std::fmt;
use std::str::FromStr;

/// Names one dead letter in this process: the bus and a number. Of two of one bus, the greater came
/// later. Written `dl-1-42`, and parsed from that.
///
/// ```
/// use bus::DeadLetterId;
///
/// let id: DeadLetterId = "dl-1-42".parse()?;
/// assert_eq!(id.to_string(), "dl-1-42");
/// # Ok::<(), bus::BadDeadLetterId>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeadLetterId {
    bus: u32,
    number: u64,
}

/// A text that is not the id of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the id of a dead letter, which is written like `dl-1-42`")]
pub struct BadDeadLetterId(String);

impl DeadLetterId {
    pub(crate) fn new(bus: u32, number: u64) -> Self {
        Self { bus, number }
    }

    /// The number of the bus in this process, counted from 1.
    #[must_use]
    pub fn bus(self) -> u32 {
        self.bus
    }

    /// The number of the letter on its bus, counted from 1.
    #[must_use]
    pub fn number(self) -> u64 {
        self.number
    }
}

impl fmt::Display for DeadLetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dl-{}-{}", self.bus, self.number)
    }
}

impl fmt::Debug for DeadLetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for DeadLetterId {
    type Err = BadDeadLetterId;

    fn from_str(text: &str) -> Result<Self, BadDeadLetterId> {
        let parts = text.strip_prefix("dl-").and_then(|numbers| numbers.split_once('-'));
        let id = parts.and_then(|(bus, number)| Some(Self::new(digits(bus)?, digits(number)?)));
        id.ok_or_else(|| BadDeadLetterId(text.to_owned()))
    }
}

/// Digits alone: `+1` is a number to the standard library, and no part of an id.
fn digits<N: FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::DeadLetterId;

    #[test]
    fn an_id_is_parsed_from_what_it_is_written_as() {
        let id = DeadLetterId::new(3, u64::MAX);
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "dl-1", "dl--1", "dl-1-", "1-2", "dl-1-2-3", "dl-+1-2", "dl-1-x", " dl-1-2"]
        {
            let error = bad.parse::<DeadLetterId>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{bad}`")), "{error}");
        }
        assert!("dl-4294967296-1".parse::<DeadLetterId>().is_err());
    }
}
