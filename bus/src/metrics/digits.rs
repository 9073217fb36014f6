//! Numbers as the text formats have them. Integers and durations are written digit by digit: what is formatted goes
//! through tables that cost more than the digits.

use std::fmt::Write;

pub(super) fn push_integer(text: &mut String, number: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        // A digit is less than ten.
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text.extend(digits[at..].iter().map(|digit| char::from(*digit)));
}

/// Nanoseconds, in seconds: exactly, with a point, as OpenMetrics wants it.
pub(super) fn push_seconds(text: &mut String, nanos: u64) {
    const SECOND: u64 = 1_000_000_000;
    push_integer(text, nanos / SECOND);
    text.push('.');
    let (mut rest, mut unit) = (nanos % SECOND, SECOND / 10);
    loop {
        push_integer(text, rest / unit);
        rest %= unit;
        if rest == 0 {
            return;
        }
        unit /= 10;
    }
}

pub(super) fn push_float(text: &mut String, number: f64) {
    if number == f64::INFINITY {
        text.push_str("+Inf");
    } else {
        // A string takes whatever is written to it.
        let _ = write!(text, "{number:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::exporter::seconds;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_read_as_they_are(number in any::<u64>(), small in 0..1_u64 << 53) {
            let text = |push: fn(&mut String, u64), number| {
                let mut text = String::new();
                push(&mut text, number);
                text
            };
            prop_assert_eq!(text(push_integer, number), number.to_string());
            for (nanos, off) in [(number, 1e-15), (small, 0.0), (small % 3_000_000_000, 0.0)] {
                let (text, exact) = (text(push_seconds, nanos), seconds(nanos));
                prop_assert!(text.contains('.') && !text.starts_with('.'), "{text}");
                let read: f64 = text.parse().unwrap();
                prop_assert!((read - exact).abs() <= off * exact, "{text} is not {exact:?}");
            }
        }
    }
}
