//! What is kept of failed attempts, in bounds.

use std::time::SystemTime;

/// How much of a text is kept: of an error and of its chain.
pub(super) const TEXT: usize = 8 * 1024;
/// And of the error of one attempt in the history.
const TEXT_OF_ATTEMPT: usize = 1024;
/// How many attempts are kept beside the first: the last ones.
const LAST: usize = 31;
/// Stands where a text was cut.
const MARK: &str = " [..]";

/// A call of a handler that has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedAttempt {
    /// Which call it was, from 1.
    pub attempt: u32,
    /// When it ended.
    pub at: SystemTime,
    /// What went wrong, in words: at most 1 KiB of it.
    pub error: String,
}

impl FailedAttempt {
    pub(crate) fn new(attempt: u32, at: SystemTime, error: impl Into<String>) -> Self {
        Self { attempt, at, error: error.into() }
    }
}

/// Adds attempts to those that were before. Keeps the first and the last 31; returns how many are left
/// out now and were not before.
pub(super) fn extend(history: &mut Vec<FailedAttempt>, with: Vec<FailedAttempt>) -> u32 {
    history.extend(
        with.into_iter()
            .map(|attempt| FailedAttempt { error: cut(attempt.error, TEXT_OF_ATTEMPT), ..attempt }),
    );
    let too_many = history.len().saturating_sub(1 + LAST);
    if too_many > 0 {
        history.drain(1..=too_many);
    }
    u32::try_from(too_many).unwrap_or(u32::MAX)
}

/// At most so many bytes of a text, with a mark at its end if it was longer.
pub(super) fn cut(mut text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    text.truncate(text.floor_char_boundary(most.saturating_sub(MARK.len())));
    text.push_str(MARK);
    text.shrink_to_fit();
    text
}

#[cfg(test)]
mod tests {
    use super::{FailedAttempt, cut, extend};
    use std::time::SystemTime;

    fn attempts(numbers: std::ops::RangeInclusive<u32>) -> Vec<FailedAttempt> {
        numbers.map(|n| FailedAttempt::new(n, SystemTime::UNIX_EPOCH, "no")).collect()
    }

    fn numbers(history: &[FailedAttempt]) -> Vec<u32> {
        history.iter().map(|attempt| attempt.attempt).collect()
    }

    #[test]
    fn the_first_attempt_and_the_last_31_are_kept() {
        let mut history = Vec::new();
        assert_eq!(
            (extend(&mut history, Vec::new()), history.len()),
            (0, 0),
            "of one that is parked"
        );
        assert_eq!(extend(&mut history, attempts(1..=32)), 0);
        assert_eq!(numbers(&history), (1..=32).collect::<Vec<_>>());
        assert_eq!(extend(&mut history, attempts(33..=34)), 2);
        let expected: Vec<_> = std::iter::once(1).chain(4..=34).collect();
        assert_eq!(numbers(&history), expected);
        assert_eq!(extend(&mut history, Vec::new()), 0);
        let mut at_once = Vec::new();
        assert_eq!(extend(&mut at_once, attempts(1..=1000)), 968);
        assert_eq!(at_once.len(), 32);
        assert_eq!((at_once[0].attempt, at_once[1].attempt), (1, 970));
    }

    #[test]
    fn a_text_is_cut_where_a_character_ends() {
        assert_eq!(cut("short".to_owned(), 5), "short");
        assert_eq!(cut("too long".to_owned(), 7), "to [..]");
        // Two bytes each: the cut falls into the second.
        assert_eq!(cut("ääää".to_owned(), 7), "ä [..]");
        assert_eq!(cut("ä".repeat(5000), 8192).len(), 8191);
        let mut history = Vec::new();
        extend(&mut history, vec![FailedAttempt::new(1, SystemTime::UNIX_EPOCH, "e".repeat(2000))]);
        assert_eq!(history[0].error.len(), 1024);
    }
}
