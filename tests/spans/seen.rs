//! A subscriber that remembers all it is told.

#![allow(dead_code, reason = "not every test looks at all of it")]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Level, Subscriber};
use tracing_subscriber::layer::{Context as LayerContext, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

/// All that a subscriber is told.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<World>>);

#[derive(Default)]
pub(crate) struct World {
    pub(crate) spans: BTreeMap<u64, Seen1>,
    lines: Vec<(Level, String, Option<u64>)>,
    /// Entered and left, by thread.
    open: Vec<(std::thread::ThreadId, u64)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Seen1 {
    pub(crate) name: &'static str,
    pub(crate) parent: Option<u64>,
    pub(crate) fields: BTreeMap<&'static str, String>,
    pub(crate) follows: Vec<u64>,
    pub(crate) closed: bool,
    pub(crate) entered: u32,
}

impl Visit for Seen1 {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl Seen {
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut World) -> R) -> R {
        look(&mut self.0.lock().unwrap())
    }
    pub(crate) fn install(&self) -> DefaultGuard {
        tracing::subscriber::set_default(Registry::default().with(self.clone()))
    }
    /// The spans of this name, in the order in which they were made.
    pub(crate) fn named(&self, name: &str) -> Vec<(u64, Seen1)> {
        self.with(|world| {
            let all = world.spans.iter().filter(|(_, span)| span.name == name);
            all.map(|(id, span)| (*id, span.clone())).collect()
        })
    }
    pub(crate) fn lines(&self, text: &str) -> Vec<(Level, Option<u64>)> {
        self.with(|world| {
            let lines = world.lines.iter().filter(|(_, line, _)| line.contains(text));
            lines.map(|(level, _, span)| (*level, *span)).collect()
        })
    }
    pub(crate) fn is_entered(&self) -> bool {
        self.with(|world| !world.open.is_empty())
    }
}

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for Seen {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: LayerContext<'_, S>) {
        if attributes.metadata().target() != "bus::spans" {
            return;
        }
        let parent = match (attributes.is_root(), attributes.parent()) {
            (true, _) => None,
            (_, Some(parent)) => Some(parent.into_u64()),
            (_, None) => cx.current_span().id().map(Id::into_u64),
        };
        let mut span = Seen1 { name: attributes.metadata().name(), parent, ..Seen1::default() };
        attributes.record(&mut span);
        self.with(|world| world.spans.insert(id.into_u64(), span));
    }
    fn on_record(&self, id: &Id, values: &Record<'_>, _: LayerContext<'_, S>) {
        self.with(|world| world.spans.get_mut(&id.into_u64()).map(|span| values.record(span)));
    }
    fn on_follows_from(&self, id: &Id, follows: &Id, cx: LayerContext<'_, S>) {
        assert!(cx.span(follows).is_some(), "what is followed is known still");
        let follows = follows.into_u64();
        self.with(|world| {
            world.spans.get_mut(&id.into_u64()).map(|span| span.follows.push(follows))
        });
    }
    fn on_event(&self, event: &tracing::Event<'_>, cx: LayerContext<'_, S>) {
        let mut text = Seen1::default();
        event.record(&mut text);
        let line = text.fields.into_iter().map(|(name, value)| format!("{name}={value} "));
        let span = cx.event_span(event).map(|span| span.id().into_u64());
        let line = (*event.metadata().level(), line.collect(), span);
        self.with(|world| world.lines.push(line));
    }
    fn on_enter(&self, id: &Id, _: LayerContext<'_, S>) {
        let id = id.into_u64();
        self.with(|world| {
            world.open.push((std::thread::current().id(), id));
            world.spans.get_mut(&id).map(|span| span.entered += 1)
        });
    }
    fn on_exit(&self, id: &Id, _: LayerContext<'_, S>) {
        let left = (std::thread::current().id(), id.into_u64());
        self.with(|world| {
            let at = world.open.iter().rposition(|open| *open == left);
            world.open.remove(at.expect("a span is left on the thread that it was entered on"));
        });
    }
    fn on_close(&self, id: Id, _: LayerContext<'_, S>) {
        self.with(|world| world.spans.get_mut(&id.into_u64()).map(|span| span.closed = true));
    }
}
