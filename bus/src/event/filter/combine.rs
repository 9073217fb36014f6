//! Filters made of filters.

use std::borrow::Cow;

use super::{EventFilter, FilterView};

/// What both accept: [`EventFilter::and`].
#[derive(Debug, Clone)]
pub struct And<A, B>(pub(super) A, pub(super) B);

/// What either accepts: [`EventFilter::or`].
#[derive(Debug, Clone)]
pub struct Or<A, B>(pub(super) A, pub(super) B);

/// What it does not accept: [`EventFilter::not`].
#[derive(Debug, Clone)]
pub struct Not<A>(pub(super) A);

/// The same under another name: [`EventFilter::named`].
#[derive(Debug, Clone)]
pub struct Named<A>(pub(super) A, pub(super) Cow<'static, str>);

impl<A: EventFilter, B: EventFilter> EventFilter for And<A, B> {
    fn accepts(&self, event: &FilterView<'_>) -> bool {
        self.0.accepts(event) && self.1.accepts(event)
    }
    fn would_accept(&self, event: &FilterView<'_>) -> bool {
        self.0.would_accept(event) && self.1.would_accept(event)
    }
    fn name(&self) -> Cow<'static, str> {
        format!("({} and {})", self.0.name(), self.1.name()).into()
    }
}
impl<A: EventFilter, B: EventFilter> EventFilter for Or<A, B> {
    fn accepts(&self, event: &FilterView<'_>) -> bool {
        self.0.accepts(event) || self.1.accepts(event)
    }
    fn would_accept(&self, event: &FilterView<'_>) -> bool {
        self.0.would_accept(event) || self.1.would_accept(event)
    }
    fn name(&self) -> Cow<'static, str> {
        format!("({} or {})", self.0.name(), self.1.name()).into()
    }
}
impl<A: EventFilter> EventFilter for Not<A> {
    fn accepts(&self, event: &FilterView<'_>) -> bool {
        !self.0.accepts(event)
    }
    fn would_accept(&self, event: &FilterView<'_>) -> bool {
        !self.0.would_accept(event)
    }
    fn name(&self) -> Cow<'static, str> {
        format!("not {}", self.0.name()).into()
    }
}
impl<A: EventFilter> EventFilter for Named<A> {
    fn accepts(&self, event: &FilterView<'_>) -> bool {
        self.0.accepts(event)
    }
    fn would_accept(&self, event: &FilterView<'_>) -> bool {
        self.0.would_accept(event)
    }
    fn name(&self) -> Cow<'static, str> {
        self.1.clone()
    }
}
