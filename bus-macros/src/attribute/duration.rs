//! Durations as they are written in attributes: a whole number and one unit, `"250ms"`.

use std::time::Duration;

/// Parses `"250ms"`, `"5s"`, `"2m"` or `"1h"`.
///
/// One unit and whole numbers only, so that a duration has one obvious spelling: `"1500ms"` and not
/// `"1.5s"`, `"90s"` and not `"1m30s"`. The error says what is wrong and what to write; `otherwise` is
/// what leaving the key out means.
pub(crate) fn parse(text: &str, otherwise: &str) -> Result<Duration, String> {
    const HELP: &str =
        "write a whole number and a unit, as in `\"250ms\"`, `\"5s\"`, `\"2m\"` or `\"1h\"`";
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(format!("`\"{text}\"` is not a duration: {HELP}"));
    }
    let millis_per_unit: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" => return Err(format!("`\"{text}\"` has no unit: {HELP}")),
        _ => return Err(format!("`{unit}` is not a unit of time: {HELP}")),
    };
    let millis = number.parse().ok().and_then(|n: u64| n.checked_mul(millis_per_unit));
    match millis {
        None => Err(format!("`\"{text}\"` is too long: it must fit in 2^64 milliseconds")),
        Some(0) => {
            Err(format!("`\"{text}\"` leaves no time at all: leave the key out for {otherwise}"))
        }
        Some(millis) => Ok(Duration::from_millis(millis)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    fn parse(text: &str) -> Result<Duration, String> {
        super::parse(text, "no limit")
    }

    #[test]
    fn each_unit() {
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse("1h"), Ok(Duration::from_secs(3600)));
    }

    #[test]
    fn what_is_no_duration_is_explained() {
        for (text, expected) in [
            ("", "is not a duration"),
            ("s", "is not a duration"),
            ("-5s", "is not a duration"),
            (" 5s", "is not a duration"),
            ("5", "has no unit"),
            ("5 s", "` s` is not a unit"),
            ("5sec", "`sec` is not a unit"),
            ("1.5s", "`.5s` is not a unit"),
            ("1m30s", "`m30s` is not a unit"),
            ("0s", "leaves no time at all"),
            ("99999999999999999999ms", "too long"),
            ("18446744073709551615h", "too long"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
