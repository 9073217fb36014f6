//! The record as a tree: a message stands under the one whose handler has sent it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Entry, Step};
use crate::message::MessageId;
use crate::registry::HandlerInfo;

/// What stands under a message, in the order in which it has happened.
enum Line<'e> {
    Entry(&'e Entry),
    Message(MessageId),
}

#[derive(Default)]
struct Tree<'e> {
    roots: Vec<Line<'e>>,
    under: BTreeMap<MessageId, Vec<Line<'e>>>,
    first: BTreeMap<MessageId, &'e Entry>,
    /// The runs of handlers that take several events: what these send stands under the first of the events.
    batches: BTreeMap<MessageId, MessageId>,
}

pub(super) fn tree(entries: &[Entry]) -> String {
    let mut tree = Tree::default();
    entries.iter().for_each(|entry| tree.add(entry));
    let mut text = String::new();
    tree.write(&tree.roots, 0, &mut text);
    if text.is_empty() {
        text.push_str("nothing\n");
    }
    text
}

impl<'e> Tree<'e> {
    fn add(&mut self, entry: &'e Entry) {
        let Some(id) = entry.id else { return self.roots.push(Line::Entry(entry)) };
        if let Step::Handling { batch: Some(batch), .. } = entry.step {
            self.batches.entry(batch).or_insert(id);
        }
        let id = self.batches.get(&id).copied().unwrap_or(id);
        if self.first.contains_key(&id) {
            if !is_implied(&entry.step) {
                self.under.entry(id).or_default().push(Line::Entry(entry));
            }
            return;
        }
        let parent = entry.parent.map(|id| self.batches.get(&id).copied().unwrap_or(id));
        let parent = parent.filter(|parent| self.first.contains_key(parent));
        self.first.insert(id, entry);
        match parent {
            Some(parent) => self.under.entry(parent).or_default().push(Line::Message(id)),
            None => self.roots.push(Line::Message(id)),
        }
    }

    /// Who has sent it, where that is not plain: a command has one handler, which stands in its line.
    fn sender(&self, entry: &'e Entry) -> Option<&'e HandlerInfo> {
        let parent = entry.parent.and_then(|id| self.first.get(&id)).and_then(|e| e.message);
        entry.sender.as_ref().filter(|_| parent.is_none_or(|parent| !parent.is_command()))
    }

    /// The line of a message. That a command is about to be executed is told before anything can refuse it.
    fn head(&self, id: MessageId, entry: &Entry) -> String {
        let under = self.under.get(&id).map_or(&[][..], Vec::as_slice);
        let was_refused = under.iter().any(|line| {
            matches!(line, Line::Entry(e) if matches!(e.step, Step::Executed { attempts: 0, .. }))
        });
        match &entry.step {
            Step::Executing { handler } if was_refused => {
                format!("{}: for {handler}, which was not called", entry.shown())
            }
            _ => entry.to_string(),
        }
    }

    fn write(&self, lines: &[Line<'e>], depth: usize, text: &mut String) {
        for line in lines {
            let entry = match line {
                Line::Entry(entry) => entry,
                Line::Message(id) => self.first[id],
            };
            let _ = write!(text, "{:indent$}", "", indent = 2 * depth);
            let _ = match line {
                Line::Entry(entry) if entry.id.is_some() => write!(text, "{}", entry.step),
                Line::Entry(entry) => write!(text, "{entry}"),
                Line::Message(id) => match (self.head(*id, entry), self.sender(entry)) {
                    (head, Some(sender)) => write!(text, "{head}, sent by {}", sender.name),
                    (head, None) => write!(text, "{head}"),
                },
            };
            text.push_str(&entry.shown_time());
            if matches!(line, Line::Message(_)) && depth == 0 && entry.session.as_str() != "BUS" {
                let _ = write!(text, "  in session {}", entry.session);
            }
            text.push('\n');
            if let Line::Message(id) = line {
                self.write(self.under.get(id).map_or(&[], Vec::as_slice), depth + 1, text);
            }
        }
    }
}

/// The first call of a handler: that it has ended says so too. One that has not ended is told of beside the
/// tree.
fn is_implied(step: &Step) -> bool {
    matches!(step, Step::Handling { attempt: 0 | 1, .. })
}
