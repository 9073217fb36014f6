//! W3C trace context: which trace a message belongs to, read from the header `traceparent` and handed on to
//! what follows from it.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::num::{NonZeroU64, NonZeroU128};
use std::str::FromStr;
use std::sync::OnceLock;

use super::options::Headers;
use super::tracestate;
use crate::message::MessageId;

/// The name of the header, in any case.
const TRACEPARENT: &str = "traceparent";
/// What tracing systems add to it.
const TRACESTATE: &str = "tracestate";

/// The `traceparent` of [W3C Trace Context](https://www.w3.org/TR/trace-context/): which trace a request
/// belongs to, and which span of it has made the request.
///
/// A message that is sent with the header `traceparent`, and all that follows from it, belongs to that
/// trace; [`Context::traceparent`](crate::Context::traceparent) is what an outgoing request carries on.
///
/// ```
/// use bus::TraceParent;
///
/// let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// let parent: TraceParent = text.parse()?;
/// assert!(parent.is_sampled());
/// assert_eq!(parent.to_string(), text);
/// # Ok::<(), bus::BadTraceParent>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace: NonZeroU128,
    span: NonZeroU64,
    flags: u8,
}

/// Bits of the flags that version 00 knows: sampled, and that the trace id is random.
const KNOWN: u8 = 0b11;

impl TraceParent {
    /// One of one's own making. `None` if an id is zero. Of the flags, those are kept that version 00 knows.
    #[must_use]
    pub fn new(trace_id: u128, span_id: u64, flags: u8) -> Option<Self> {
        let (trace, span) = (NonZeroU128::new(trace_id)?, NonZeroU64::new(span_id)?);
        Some(Self { trace, span, flags: flags & KNOWN })
    }

    /// The id of the whole trace; never zero.
    #[must_use]
    pub fn trace_id(&self) -> u128 {
        self.trace.get()
    }

    /// The id of the span that makes the request; never zero.
    #[must_use]
    pub fn span_id(&self) -> u64 {
        self.span.get()
    }

    /// The flags that are known.
    #[must_use]
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// Does the caller record this trace?
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 != 0
    }
}

/// As version 00, which all who know a later one understand.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// As lenient as the specification says: a version that is not known is read as version 00 if it begins like
/// that one, whatever comes after. Space around it, which belongs to the header and not to the value, is
/// passed over.
impl FromStr for TraceParent {
    type Err = BadTraceParent;

    fn from_str(text: &str) -> Result<Self, BadTraceParent> {
        let bytes = text.trim_matches([' ', '\t']).as_bytes();
        let (fields, rest) = bytes.split_at_checked(55).ok_or(BadTraceParent("is too short"))?;
        if [2, 35, 52].iter().any(|at| fields[*at] != b'-') {
            return Err(BadTraceParent("has no `-` where one has to be"));
        }
        let field = |from, to| hex(&fields[from..to]).ok_or(BadTraceParent(NOT_HEX));
        match (field(0, 2)?, rest.first()) {
            (0xff, _) => return Err(BadTraceParent("has the version `ff`, which is none")),
            (0, Some(_)) => return Err(BadTraceParent("goes on after the flags")),
            (_, None | Some(b'-')) => {}
            (_, Some(_)) => return Err(BadTraceParent("goes on after the flags without a `-`")),
        }
        // Fields of 16 and 2 digits fit.
        let (span, flags) = (field(36, 52)?, field(53, 55)?);
        let (Ok(span), Ok(flags)) = (u64::try_from(span), u8::try_from(flags)) else {
            return Err(BadTraceParent(NOT_HEX));
        };
        Self::new(field(3, 35)?, span, flags).ok_or(BadTraceParent("has an id of zeros alone"))
    }
}

const NOT_HEX: &str = "has something else than digits and `a` to `f` in a field";

/// Lower-case digits only.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}

/// Why a text is no [`TraceParent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no `traceparent`: it {0}")]
pub struct BadTraceParent(&'static str);

/// The trace of a message, as what follows from it inherits it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trace {
    parent: TraceParent,
    state: Option<String>,
}

impl Trace {
    /// That of the headers. One that cannot be read is none: what is wrong with it is not the handler's
    /// business.
    pub(crate) fn of(headers: &Headers) -> Option<Self> {
        let parent = header(headers, TRACEPARENT)?.parse().ok()?;
        Some(Self { parent, state: header(headers, TRACESTATE).and_then(tracestate::read) })
    }

    pub(crate) fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// With the span of this message. It is not stored anywhere: it is computed of the two ids, the same each
    /// time that it is asked for, and in another process another.
    pub(crate) fn at(&self, id: MessageId) -> TraceParent {
        static KEY: OnceLock<RandomState> = OnceLock::new();
        let key = KEY.get_or_init(RandomState::new);
        let span = key.hash_one((self.parent.trace, id));
        TraceParent { span: NonZeroU64::new(span).unwrap_or(NonZeroU64::MIN), ..self.parent }
    }
}

/// Names of headers that come from elsewhere are in any case. One in lower case goes first: it is what a
/// middleware here has set.
fn header<'h>(headers: &'h Headers, name: &str) -> Option<&'h str> {
    let any = || headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    headers.get(name).or_else(|| any().map(|(_, value)| value))
}

#[cfg(test)]
mod tests {
    use super::{Trace, TraceParent};
    use crate::message::MessageId;
    use crate::pipeline::options::Headers;
    use proptest::prelude::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[test]
    fn what_is_read() {
        let (trace, span) = (0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, 0xb7ad_6b71_6920_3331);
        for (text, flags) in [
            (format!("00-{TRACE}-{SPAN}-00"), 0),
            (format!("00-{TRACE}-{SPAN}-01"), 1),
            (format!("00-{TRACE}-{SPAN}-03"), 3),
            // Flags that are not known are not handed on.
            (format!("00-{TRACE}-{SPAN}-ff"), 3),
            // Versions that are to come.
            (format!("01-{TRACE}-{SPAN}-01"), 1),
            (format!("cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like"), 1),
            (format!("fe-{TRACE}-{SPAN}-01-"), 1),
            (format!(" \t00-{TRACE}-{SPAN}-01\t "), 1),
        ] {
            let parent: TraceParent = text.parse().unwrap_or_else(|bad| panic!("{text}: {bad}"));
            assert_eq!(parent.trace_id(), trace, "{text}");
            assert_eq!(parent.span_id(), span, "{text}");
            assert_eq!(parent.flags(), flags, "{text}");
            assert_eq!(parent.is_sampled(), flags & 1 == 1, "{text}");
        }
    }

    #[test]
    fn what_is_refused_and_why() {
        let zeros = "0".repeat(32);
        for (text, why) in [
            (String::new(), "is too short"),
            (format!("00-{TRACE}-{SPAN}"), "is too short"),
            (format!("00-{TRACE}-{SPAN}-0"), "is too short"),
            (format!("0-{TRACE}-{SPAN}-001"), "has no `-`"),
            (format!("00_{TRACE}-{SPAN}-01"), "has no `-`"),
            (format!("00-{TRACE}.{SPAN}-01"), "has no `-`"),
            (format!("ff-{TRACE}-{SPAN}-01"), "has the version `ff`"),
            (format!("FF-{TRACE}-{SPAN}-01"), "something else than digits"),
            (format!("00-{TRACE}-{SPAN}-01-more"), "goes on after the flags"),
            (format!("00-{TRACE}-{SPAN}-01."), "goes on after the flags"),
            (format!("01-{TRACE}-{SPAN}-01.more"), "without a `-`"),
            (format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), "something else than digits"),
            (format!("00-{TRACE}-{}-01", SPAN.to_uppercase()), "something else than digits"),
            (format!("00-{TRACE}-{SPAN}-0A"), "something else than digits"),
            (format!("0x-{TRACE}-{SPAN}-01"), "something else than digits"),
            (format!("00-{zeros}-{SPAN}-01"), "an id of zeros"),
            (format!("00-{TRACE}-{}-01", &zeros[..16]), "an id of zeros"),
            (format!("\n00-{TRACE}-{SPAN}-01"), "has no `-`"),
            (format!("00-{TRACE}-{SPAN}-01\u{a0}"), "goes on after the flags"),
            (format!("00- {TRACE}-{SPAN}-01"), "has no `-`"),
            (format!("00-+{}-{SPAN}-01", &TRACE[1..]), "something else than digits"),
            // Bytes and not characters are counted, and none is cut.
            ("é".repeat(40), "has no `-`"),
        ] {
            let bad = text.parse::<TraceParent>().expect_err(&text).to_string();
            assert!(bad.contains(why), "{text}: {bad}");
        }
    }

    #[test]
    fn each_message_is_a_span_of_the_trace() {
        let mut headers = Headers::default();
        assert_eq!(Trace::of(&headers), None);
        headers.set("traceparent".into(), format!("00-{TRACE}-{SPAN}-01"));
        headers.set("tracestate".into(), "rojo=00f067aa0ba902b7, congo=t61".to_owned());
        let trace = Trace::of(&headers).expect("it is one");
        assert_eq!(trace.state(), Some("rojo=00f067aa0ba902b7,congo=t61"));
        let (one, other) = (MessageId::next(1), MessageId::next(1));
        assert_eq!(trace.at(one), trace.at(one));
        assert_ne!(trace.at(one).span_id(), trace.at(other).span_id());
        assert_ne!(trace.at(one).span_id(), trace.parent.span_id());
        assert_eq!(trace.at(one).trace_id(), trace.parent.trace_id());
        assert!(trace.at(one).is_sampled());
        headers.set("traceparent".into(), "nonsense".to_owned());
        assert_eq!(Trace::of(&headers), None);
    }

    #[test]
    fn names_of_headers_are_in_any_case_and_a_bad_state_harms_no_parent() {
        let mut headers = Headers::default();
        headers.set("TraceParent".into(), format!("00-{TRACE}-{SPAN}-01"));
        headers.set("TRACESTATE".into(), "a=1".to_owned());
        let trace = Trace::of(&headers).expect("it is one");
        assert_eq!(trace.state(), Some("a=1"));
        headers.set("tracestate".into(), "a=1\r\nHost: elsewhere".to_owned());
        let trace = Trace::of(&headers).expect("it is one still");
        assert_eq!(trace.state(), None);
        headers.set("traceparent".into(), format!("00-{TRACE}-{SPAN}-00"));
        let trace = Trace::of(&headers).expect("it is another");
        assert!(!trace.parent.is_sampled(), "what is in lower case goes first");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(trace in 1_u128.., span in 1_u64.., flags in 0_u8..4) {
            let parent = TraceParent::new(trace, span, flags).expect("no id is zero");
            let text = parent.to_string();
            prop_assert_eq!(text.len(), 55);
            prop_assert_eq!(text.parse(), Ok(parent));
        }

        #[test]
        fn nothing_makes_it_panic(text in ".*", at in 0_usize..60, with in any::<char>()) {
            let _ = text.parse::<TraceParent>();
            // Nearly right.
            let mut near = format!("00-{TRACE}-{SPAN}-01").chars().collect::<Vec<_>>();
            if let Some(place) = near.get_mut(at) {
                *place = with;
            }
            let near = near.into_iter().collect::<String>();
            if let Ok(parent) = near.parse::<TraceParent>() {
                prop_assert_eq!(parent.to_string().parse(), Ok(parent));
            }
        }
    }
}
