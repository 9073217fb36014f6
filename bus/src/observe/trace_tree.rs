//! The tree of what has followed from one root message.

use std::collections::HashMap;
use std::fmt;

use super::history::{HandlerRecord, Record};
use crate::bus::Bus;
use crate::message::MessageId;
use crate::pipeline::origin::MAX_DEPTH;

/// What has followed from one message: [`Bus::trace_tree`]. `Display` draws it.
pub struct TraceTree {
    root: MessageId,
    is_kept: bool,
    evicted: u64,
    records: Vec<Record>,
}

impl Bus {
    /// What has followed from one root message, by its [correlation id](crate::Context::correlation_id): each
    /// message, its handlers, what has become of them, in how many attempts and how long it took. From the
    /// history of the last [`trace_history`](crate::Builder::trace_history) messages, which is off by
    /// default; the tree says when parts of it are not in there any more.
    ///
    /// ```standalone_crate
    /// use bus::prelude::*;
    ///
    /// #[command]
    /// struct Order;
    /// #[event]
    /// struct Ordered;
    ///
    /// #[handler]
    /// async fn order(_: Order, emit: Emit<Ordered>) -> bus::Result<()> {
    ///     emit.send(Ordered);
    ///     Ok(())
    /// }
    /// #[handler]
    /// fn note(_: &Ordered) {}
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let bus = Bus::builder().trace_history(1000).build()?;
    /// let report = bus.execute(Order).detailed().await;
    /// bus.idle().await;
    /// let tree = bus.trace_tree(report.command_id).to_string();
    /// // command my_app::Order 1-1
    /// // ├─ by order at src/main.rs:8: ok, 1 attempt, 13µs
    /// // └─ event my_app::Ordered 1-2
    /// //    └─ by note at src/main.rs:13: ok, 1 attempt, 2µs
    /// assert!(tree.contains("└─ event "));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn trace_tree(&self, correlation_id: MessageId) -> TraceTree {
        let history = self.core().history.as_ref();
        let known = history.map(|history| history.of_conversation(correlation_id));
        let (is_kept, (records, evicted)) = (known.is_some(), known.unwrap_or_default());
        TraceTree { root: correlation_id, is_kept, evicted, records }
    }
}

impl TraceTree {
    /// Is nothing known of it?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many messages are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// How many messages of it were forgotten for later ones.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }
}

impl fmt::Display for TraceTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_kept {
            return f.write_str("no history is kept: `Builder::trace_history` keeps one\n");
        }
        if self.records.is_empty() {
            return writeln!(f, "nothing is known of what followed from {}", self.root);
        }
        Tree::of(&self.records).write(f)?;
        match self.evicted {
            0 => Ok(()),
            1 => f.write_str("1 message of this is not in the history any more\n"),
            n => writeln!(f, "{n} messages of this are not in the history any more"),
        }
    }
}

impl fmt::Debug for TraceTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceTree")
            .field("root", &self.root)
            .field("messages", &self.records.len())
            .field("evicted", &self.evicted)
            .finish()
    }
}

/// Who follows from whom.
struct Tree<'t> {
    children: HashMap<MessageId, Vec<&'t Record>>,
    /// Those whose parent is not known.
    tops: Vec<&'t Record>,
}

impl<'t> Tree<'t> {
    fn of(records: &'t [Record]) -> Self {
        // What a batch has sent stands below the first of its events.
        let mut owners = HashMap::new();
        for record in records {
            owners.insert(record.id, record.id);
            for batch in &record.batches {
                owners.entry(*batch).or_insert(record.id);
            }
        }
        let (mut children, mut tops) = (HashMap::<_, Vec<_>>::new(), Vec::new());
        for record in records {
            match record.parent.and_then(|parent| owners.get(&parent)) {
                Some(parent) => children.entry(*parent).or_default().push(record),
                None => tops.push(record),
            }
        }
        Self { children, tops }
    }

    /// Not by calling itself: events that are published later may follow each other without end.
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left: Vec<_> = self.tops.iter().rev().map(|top| Line::top(top)).collect();
        while let Some(line) = left.pop() {
            line.write(f)?;
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

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Record { id, info, parent, sent_from, fate, .. } = self.record;
        let kind = if info.is_command() { "command" } else { "event" };
        write!(f, "{}{kind} {} {id}", self.first, info.name())?;
        if let Some(at) = sent_from {
            write!(f, " from {}:{}", at.file(), at.line())?;
        }
        if let Some(fate) = fate {
            write!(f, ": {fate}")?;
        }
        if let (Some(parent), 0) = (parent, self.depth) {
            write!(f, " (followed from {parent}, which is not in the history)")?;
        }
        writeln!(f)
    }
}

impl fmt::Display for HandlerRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { handler, attempts, taken, error, dead_letter, kept_out_by, .. } = self;
        write!(f, "by {} at {}:{}: ", handler.name, handler.file, handler.line)?;
        if let Some(by) = kept_out_by {
            return write!(f, "kept out by {by}");
        }
        match (taken, error) {
            (None, _) => f.write_str("at work")?,
            (Some(_), None) => f.write_str("ok")?,
            (Some(_), Some(error)) => write!(f, "{error}")?,
        }
        let word = if *attempts == 1 { "attempt" } else { "attempts" };
        write!(f, ", {attempts} {word}")?;
        if let Some(taken) = taken {
            write!(f, ", {taken:?}")?;
        }
        dead_letter.map_or(Ok(()), |letter| write!(f, ", dead letter {letter}"))
    }
}
