//! The header `tracestate`: what tracing systems have added to a `traceparent`, handed on from message to
//! message.
//!
//! It comes from outside and goes out again as a header of somebody's request. So what is no list of
//! members as the specification has it is left out as a whole: there is no line break in what goes out, and
//! nothing that grows.

/// How many members a list may have.
const MEMBERS: usize = 32;
/// How long what is handed on may be: as much as everybody has to accept.
const LENGTH: usize = 512;
/// Members that are longer than this go first.
const LONG: usize = 128;

/// What is handed on of it: its members, without the space around them.
pub(super) fn read(text: &str) -> Option<String> {
    let members = text.split(',').map(|member| member.trim_matches([' ', '\t']));
    let mut members: Vec<_> = members.filter(|member| !member.is_empty()).collect();
    if members.is_empty() || members.len() > MEMBERS || !members.iter().all(|one| is_member(one)) {
        return None;
    }
    while length(&members) > LENGTH {
        let last = members.len() - 1;
        members.remove(members.iter().rposition(|member| member.len() > LONG).unwrap_or(last));
    }
    (!members.is_empty()).then(|| members.join(","))
}

/// With the commas between them.
fn length(members: &[&str]) -> usize {
    members.iter().map(|member| member.len() + 1).sum::<usize>().saturating_sub(1)
}

fn is_member(text: &str) -> bool {
    text.split_once('=').is_some_and(|(key, value)| is_key(key) && is_value(value))
}

fn is_key(key: &str) -> bool {
    let begins =
        key.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
    let may = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
    begins && key.len() <= 256 && key.bytes().all(may)
}

fn is_value(value: &str) -> bool {
    let may = |byte| matches!(byte, b' '..=b'~') && byte != b'=';
    !value.is_empty() && value.len() <= 256 && value.bytes().all(may)
}

#[cfg(test)]
mod tests {
    use super::read;
    use proptest::prelude::*;

    #[test]
    fn what_is_handed_on() {
        for (text, kept) in [
            ("rojo=00f067aa0ba902b7", "rojo=00f067aa0ba902b7"),
            ("rojo=1,congo=t61", "rojo=1,congo=t61"),
            (" rojo=1 \t, congo=t61\t", "rojo=1,congo=t61"),
            ("rojo=1,, ,congo=2,", "rojo=1,congo=2"),
            // Space at the beginning of a value is a part of it.
            ("rojo= 1 ", "rojo= 1"),
            ("0a_-*/@z=!~ :", "0a_-*/@z=!~ :"),
            // Whose key it is twice is for those to say who read it.
            ("rojo=1,rojo=2", "rojo=1,rojo=2"),
        ] {
            assert_eq!(read(text).as_deref(), Some(kept), "{text:?}");
        }
    }

    #[test]
    fn what_is_left_out_as_a_whole() {
        for text in [
            "",
            " ",
            ",",
            " ,\t",
            "rojo",
            "=1",
            "rojo=",
            "rojo=1=2",
            "Rojo=1",
            "_rojo=1",
            "ro jo=1",
            "rojo=1\r\nHost: evil",
            "rojo=é",
            "rojo=1\u{7f}",
            "rojo=1,congo",
            "rojo=a\tb",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        let key = |length| format!("{}=1", "k".repeat(length));
        assert!(read(&key(256)).is_some() && read(&key(257)).is_none());
        let value = |length| format!("k={}", "v".repeat(length));
        assert!(read(&value(256)).is_some() && read(&value(257)).is_none());
        let list = |members: usize| vec!["k=1"; members].join(",");
        assert!(read(&list(32)).is_some() && read(&list(33)).is_none());
    }

    #[test]
    fn what_is_too_long_loses_long_members_first_and_then_the_last() {
        let (short, long) = ("s=1".to_owned(), format!("l={}", "v".repeat(127)));
        let middle = format!("m={}", "v".repeat(126));
        // 3 * 129 + 128 + 4 * 1.
        let all = [&*long, &middle, &middle, &long, &short].join(",");
        assert!(all.len() > 512);
        assert_eq!(read(&all), Some([&*long, &middle, &middle, &short].join(",")));
        let exact = [&*middle, &middle, &middle, &format!("e={}", "v".repeat(123))].join(",");
        assert_eq!(exact.len(), 512);
        assert_eq!(read(&exact).as_deref(), Some(&*exact));
        let over = [&*middle, &middle, &middle, &format!("e={}", "v".repeat(124))].join(",");
        assert_eq!(read(&over), Some([&*middle, &middle, &middle].join(",")));
    }

    proptest! {
        #[test]
        fn what_goes_out_is_short_and_would_be_read_again(text in "([a-c]{0,3}[ =,]?[ -~\t\n]{0,90},?){0,12}") {
            if let Some(kept) = read(&text) {
                prop_assert!(kept.len() <= 512 && kept.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
                prop_assert_eq!(read(&kept), Some(kept));
            }
        }
    }
}
