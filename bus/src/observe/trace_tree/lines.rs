//! The lines of a tree.

use std::collections::HashMap;
use std::fmt;

use crate::message::MessageId;
use crate::observe::history::{End, HandlerRecord, Record};
use crate::pipeline::origin::MAX_DEPTH;
use crate::resilience::dead_letters::DeadLetterId;

/// Who follows from whom.
pub(super) struct Tree<'t> {
    children: HashMap<MessageId, Vec<&'t Record>>,
    /// Those whose parent is not known.
    tops: Vec<&'t Record>,
    /// The copies that were run in place of dead letters: of which message, and which letter.
    copies: HashMap<MessageId, (MessageId, DeadLetterId)>,
}

impl<'t> Tree<'t> {
    pub(super) fn of(records: &'t [Record]) -> Self {
        // What a batch has sent stands below the first of its events.
        let (mut owners, mut copies) = (HashMap::new(), HashMap::new());
        for record in records {
            owners.insert(record.id, record.id);
            for batch in &record.batches {
                owners.entry(*batch).or_insert(record.id);
            }
            let of = |(copy, letter): &(_, _)| (*copy, (record.id, *letter));
            copies.extend(record.copies.iter().map(of));
        }
        let (mut children, mut tops) = (HashMap::<_, Vec<_>>::new(), Vec::new());
        for record in records {
            let original = copies.get(&record.id).map(|(original, _)| *original);
            match record.parent.or(original).and_then(|parent| owners.get(&parent)) {
                Some(parent) => children.entry(*parent).or_default().push(record),
                None => tops.push(record),
            }
        }
        Self { children, tops, copies }
    }

    /// Not by calling itself: events that are published later may follow each other without end.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left: Vec<_> = self.tops.iter().rev().map(|top| Line::top(top)).collect();
        while let Some(line) = left.pop() {
            line.write(f, self.copies.get(&line.record.id).map(|(_, letter)| *letter))?;
            let children = self.children.get(&line.record.id).map_or(&[][..], Vec::as_slice);
            let (handlers, rest) = (&line.record.handlers, &line.rest);
            for (at, handler) in handlers.iter().enumerate() {
                let is_last = at + 1 == handlers.len() && children.is_empty();
                writeln!(f, "{rest}{}{handler}", branch(is_last).0)?;
            }
            let below = children.iter().enumerate().rev();
            left.extend(below.map(|(at, child)| line.below(child, at + 1 == children.len())));
        }
        Ok(())
    }
}

/// Before the last below a message, and below that; before and below the others.
fn branch(is_last: bool) -> (&'static str, &'static str) {
    if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") }
}

/// A message to be written.
struct Line<'t> {
    record: &'t Record,
    /// What stands before it.
    first: String,
    /// What stands before those below it.
    rest: String,
    depth: u16,
}

impl<'t> Line<'t> {
    fn top(record: &'t Record) -> Self {
        Self { record, first: String::new(), rest: String::new(), depth: 0 }
    }

    fn below(&self, record: &'t Record, is_last: bool) -> Self {
        let (first, rest) = branch(is_last);
        let (depth, above) = (self.depth.saturating_add(1), &self.rest);
        // What comes deeper than that stands where its parent does.
        let rest = if depth < MAX_DEPTH { format!("{above}{rest}") } else { above.clone() };
        Self { record, first: format!("{above}{first}"), rest, depth }
    }

    /// `letter`: it is a copy that was run in place of that.
    fn write(&self, f: &mut fmt::Formatter<'_>, letter: Option<DeadLetterId>) -> fmt::Result {
        let Record { id, info, parent, sent_from, fate, .. } = self.record;
        let kind = if info.is_command() { "command" } else { "event" };
        write!(f, "{}{kind} {} {id}", self.first, info.name())?;
        if let Some(at) = sent_from {
            write!(f, " from {}:{}", at.file(), at.line())?;
        }
        if let Some(fate) = fate {
            write!(f, ": {fate}")?;
        }
        if let Some(letter) = letter {
            write!(f, " (a copy, in place of dead letter {letter})")?;
        }
        if let (Some(parent), 0) = (parent, self.depth) {
            write!(f, " (followed from {parent}, which is not in the history)")?;
        }
        writeln!(f)
    }
}

impl fmt::Display for HandlerRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { handler, attempts, worked, end, dead_letter, kept_out_by, .. } = self;
        write!(f, "by {} at {}:{}: ", handler.name, handler.file, handler.line)?;
        if let Some(by) = kept_out_by {
            return write!(f, "kept out by {by}");
        }
        match end {
            End::AtWork => f.write_str("at work")?,
            End::Ok => f.write_str("ok")?,
            End::Failed(error) => f.write_str(error)?,
            End::Cancelled => f.write_str("was cancelled")?,
        }
        let word = if *attempts == 1 { "attempt" } else { "attempts" };
        write!(f, ", {attempts} {word}")?;
        if !matches!(end, End::AtWork) {
            write!(f, ", {worked:?}")?;
        }
        let Some((letter, is_there)) = dead_letter else { return Ok(()) };
        // It leaves a moment after its handler is told to have succeeded.
        let was = if *is_there && !matches!(end, End::Ok) { "" } else { "was " };
        write!(f, ", {was}dead letter {letter}")
    }
}
