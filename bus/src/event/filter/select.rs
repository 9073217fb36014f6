//! Filters that look at what an event is: its type, category, name, session or headers.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use super::{EventFilter, FilterView};
use crate::message::{Category, Event, Message};
use crate::session::SessionId;

/// Events of one type: [`of_type`].
pub struct OfType<E>(PhantomData<fn(E)>);

/// Accepts events of type `E`, and no others; with [`not`](EventFilter::not), all others.
#[must_use]
pub fn of_type<E: Event>() -> OfType<E> {
    OfType(PhantomData)
}

impl<E: Event> EventFilter for OfType<E> {
    fn accepts(&self, event: &FilterView<'_>) -> bool {
        event.get::<E>().is_some()
    }
    fn name(&self) -> Cow<'static, str> {
        format!("of type {}", <E as Message>::INFO.name()).into()
    }
}
impl<E> fmt::Debug for OfType<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OfType<{}>", std::any::type_name::<E>())
    }
}

/// Events of one category: [`category`].
#[derive(Debug, Clone, Copy)]
pub struct InCategory(Category);

/// Accepts events of this category: `kind = ..` of their attribute.
#[must_use]
pub fn category(category: Category) -> InCategory {
    InCategory(category)
}

impl EventFilter for InCategory {
    fn accepts(&self, event: &FilterView<'_>) -> bool {
        event.info().category() == self.0
    }
    fn name(&self) -> Cow<'static, str> {
        format!("category {:?}", self.0).into()
    }
}

/// Events whose name fits a pattern: [`name`].
#[derive(Debug, Clone)]
pub struct NameLike(Cow<'static, str>);

/// Accepts events whose name fits the pattern: `*` stands for any text, also none, and `?` for one
/// character. `billing::*`, `*::OrderPlaced`.
#[must_use]
pub fn name(pattern: impl Into<Cow<'static, str>>) -> NameLike {
    NameLike(pattern.into())
}

impl EventFilter for NameLike {
    fn accepts(&self, event: &FilterView<'_>) -> bool {
        fits(&self.0, event.info().name())
    }
    fn name(&self) -> Cow<'static, str> {
        format!("name {}", self.0).into()
    }
}

/// Walks both at once; at a `*`, remembers where to come back to. Takes at most the product of both
/// lengths, and no memory.
fn fits(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut back = None;
    loop {
        let (mut rest_of_pattern, mut rest) = (pattern.clone(), text.clone());
        match (rest_of_pattern.next(), rest.next()) {
            (Some('*'), _) => {
                back = Some((rest_of_pattern.clone(), text.clone()));
                pattern = rest_of_pattern;
                continue;
            }
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                (pattern, text) = (rest_of_pattern, rest);
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        // The last `*` takes one more character.
        let Some((after_star, mut from)) = back.take() else { return false };
        if from.next().is_none() {
            return false;
        }
        back = Some((after_star.clone(), from.clone()));
        (pattern, text) = (after_star, from);
    }
}

/// Events of some sessions: [`sessions`].
#[derive(Debug, Clone)]
pub struct InSessions(Vec<SessionId>);

/// Accepts events that are published in one of these sessions, or in one inside of it. All are inside
/// [`SessionId::BUS`]. With [`not`](EventFilter::not), it keeps these out.
#[must_use]
pub fn sessions<I: Into<SessionId>>(ids: impl IntoIterator<Item = I>) -> InSessions {
    InSessions(ids.into_iter().map(Into::into).collect())
}

impl EventFilter for InSessions {
    fn accepts(&self, event: &FilterView<'_>) -> bool {
        event.sessions().any(|id| self.0.contains(id))
    }
    fn name(&self) -> Cow<'static, str> {
        format!("in sessions {:?}", self.0).into()
    }
}

/// Events with a header: [`header`].
#[derive(Debug, Clone)]
pub struct HasHeader(Cow<'static, str>, Option<String>);

/// Accepts events that are published with this header, whatever it says.
#[must_use]
pub fn header(name: impl Into<Cow<'static, str>>) -> HasHeader {
    HasHeader(name.into(), None)
}

impl HasHeader {
    /// .. and only if it says this.
    #[must_use]
    pub fn is(mut self, value: impl Into<String>) -> Self {
        self.1 = Some(value.into());
        self
    }
}

impl EventFilter for HasHeader {
    fn accepts(&self, event: &FilterView<'_>) -> bool {
        let found = event.headers().get(&self.0);
        found.is_some_and(|found| self.1.as_ref().is_none_or(|wanted| wanted == found))
    }
    fn name(&self) -> Cow<'static, str> {
        match &self.1 {
            None => format!("header {}", self.0),
            Some(value) => format!("header {}: {value}", self.0),
        }
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_fit_as_they_should() {
        let fitting = [
            ("", ""),
            ("*", ""),
            ("*", "a::B"),
            ("a::*", "a::B"),
            ("*::B", "a::b::B"),
            ("a?c", "abc"),
            ("*a*b*", "xxaxxbxx"),
            ("a*a*a", "aaaa"),
            ("ä?", "äö"),
            ("**", "x"),
            ("a*", "a"),
        ];
        for (pattern, text) in fitting {
            assert!(fits(pattern, text), "{pattern} fits {text}");
        }
        let others = [
            ("", "a"),
            ("?", ""),
            ("a::*", "b::a::B"),
            ("*::B", "a::Bc"),
            ("a*a*a", "aa"),
            ("a", "ab"),
            ("ab", "a"),
        ];
        for (pattern, text) in others {
            assert!(!fits(pattern, text), "{pattern} does not fit {text}");
        }
        // No pattern takes exponential time.
        assert!(!fits(
            &"a*".repeat(60),
            &format!("{}b", "a".repeat(2_000))[1..1_000].replace('a', "c")
        ));
        assert!(!fits(&format!("{}b", "a*".repeat(60)), &"a".repeat(2_000)));
    }
}
