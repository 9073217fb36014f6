//! What is known of a message.

use std::panic::Location;
use std::time::Instant;

use super::handler::{End, HandlerRecord};
use crate::message::{MessageId, MessageInfo};
use crate::observe::details::Details;
use crate::observe::happening::Happening;
use crate::observe::what::What;
use crate::registry::HandlerInfo;
use crate::resilience::dead_letters::DeadLetterId;

/// What is known of a message.
#[derive(Clone)]
pub(in crate::observe) struct Record {
    /// In the order in which they were first heard of.
    pub(in crate::observe) number: u64,
    pub(in crate::observe) id: MessageId,
    pub(in crate::observe) info: &'static MessageInfo,
    pub(in crate::observe) parent: Option<MessageId>,
    pub(in crate::observe) correlation: MessageId,
    pub(in crate::observe) sent_from: Option<&'static Location<'static>>,
    /// What has become of it, beside its handlers.
    pub(in crate::observe) fate: Option<String>,
    pub(in crate::observe) handlers: Vec<HandlerRecord>,
    /// The runs that have taken it together with others.
    pub(in crate::observe) batches: Vec<MessageId>,
    /// The last copies that were run in place of its dead letters.
    pub(in crate::observe) copies: Vec<(MessageId, DeadLetterId)>,
}

/// So much of an error is kept.
const ERROR: usize = 256;
/// So many copies are kept of one message: a person makes them, who may go on for long.
const COPIES: usize = 16;

impl Record {
    pub(super) fn new(
        number: u64,
        happening: &Happening<'_>,
        id: MessageId,
        info: &'static MessageInfo,
        correlation: MessageId,
    ) -> Self {
        Self {
            number,
            id,
            info,
            parent: happening.parent(),
            correlation,
            sent_from: happening.sent_from(),
            fate: None,
            handlers: Vec::new(),
            batches: Vec::new(),
            copies: Vec::new(),
        }
    }

    pub(super) fn note(&mut self, happening: &Happening<'_>) {
        let Details { handler, attempts, error, .. } = Details::of(happening.what());
        let now = happening.at();
        if self.sent_from.is_none() {
            self.sent_from = happening.sent_from();
        }
        match happening.what() {
            What::Executing { .. } | What::Handling { .. } => {
                let Some(handler) = handler else { return };
                self.handler(handler, now).begins(attempts, now);
                if let What::Handling { batch: Some(batch), .. } = happening.what()
                    && !self.batches.contains(batch)
                {
                    self.batches.push(*batch);
                }
            }
            What::Executed { .. } | What::Handled { .. } => {
                let Some(handler) = handler else { return };
                let end = error.map_or(End::Ok, |error| End::Failed(cut(error)));
                self.handler(handler, now).ends(end, attempts, now);
            }
            What::DeadLettered { letter, handler, .. } => {
                self.buried(handler, now).dead_letter = Some((*letter, true));
            }
            What::Filtered { by, handler: Some(handler), .. } => {
                self.handler(handler, now).kept_out_by = Some((*by).to_owned());
            }
            What::Retrying { .. } | What::Discarded { .. } => {}
            // That it is queued is no news: it shows when it is handled.
            What::Published { .. } => self.fate = None,
            other => {
                self.fate = Some(cut(&other.to_string()));
                if matches!(other, What::Abandoned) {
                    // Nothing else is told of its handler, which was dropped with the call.
                    let at_work = self.handlers.iter_mut().filter(|handler| handler.is_at_work());
                    at_work.for_each(|handler| handler.ends(End::Cancelled, None, now));
                }
            }
        }
    }

    /// A copy is run in place of a dead letter of it.
    pub(super) fn copied(&mut self, copy: MessageId, letter: DeadLetterId) {
        if self.copies.len() >= COPIES {
            self.copies.remove(0);
        }
        self.copies.push((copy, letter));
    }

    /// Of the conversations that what follows from it may belong to, beside its own: what a batch sends may belong to
    /// one that the batch has begun.
    pub(super) fn roots(&self) -> impl Iterator<Item = MessageId> {
        self.batches.iter().copied()
    }

    fn handler(&mut self, handler: &HandlerInfo, at: Instant) -> &mut HandlerRecord {
        let known = |all: &[HandlerRecord]| {
            let exact = all.iter().position(|known| known.is(handler));
            exact.or_else(|| all.iter().position(|known| known.may_be(handler)))
        };
        let at = known(&self.handlers).unwrap_or_else(|| {
            self.handlers.push(HandlerRecord::new(handler, at));
            self.handlers.len() - 1
        });
        let found = &mut self.handlers[at];
        found.is_named_by(handler);
        found
    }

    /// The handler that has given up: a letter has but a copy of what is known of it. It is at work still, or was
    /// never called.
    fn buried(&mut self, handler: &HandlerInfo, at: Instant) -> &mut HandlerRecord {
        let gives_up = |known: &HandlerRecord| known.handler == *handler && known.is_at_work();
        let at = self.handlers.iter().position(gives_up).unwrap_or_else(|| {
            self.handlers.push(HandlerRecord::unnamed(handler, at));
            self.handlers.len() - 1
        });
        &mut self.handlers[at]
    }
}

/// On one line.
fn cut(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    match text.char_indices().nth(ERROR) {
        Some((at, _)) => format!("{}..", &text[..at]),
        None => text,
    }
}
