//! The tree of what has followed from one root message.

mod lines;

use std::fmt;

use lines::Tree;

use super::history::Record;
use crate::bus::Bus;
use crate::message::MessageId;

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
    /// How long a handler took is from its first call to its end, with the waits between its attempts. If it has
    /// given up on the message, and the [dead letter](crate::DeadLetters) is retried, each of these runs is added;
    /// the time it lay there is not. A letter that is not there any more is named in the past tense, whether it was
    /// retried with success, discarded or evicted. A copy that was run in its place
    /// ([`edit_and_retry`](crate::DeadLetters::edit_and_retry)) stands below the message; of many, the last 16 do.
    ///
    /// An event that was [cancelled](crate::Scheduled::cancel) before it was due is not scheduled any more, nor one that
    /// recurs in a session that has ended. What recurs until the bus is shut down reads as scheduled after that too.
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
        let (is_kept, (mut records, evicted)) = (known.is_some(), known.unwrap_or_default());
        let handlers = records.iter_mut().flat_map(|record| &mut record.handlers);
        for (letter, is_there) in handlers.filter_map(|handler| handler.dead_letter.as_mut()) {
            // Observers are told that one has come, and of those that leave only that one was evicted.
            *is_there = self.core().dead_letters.has(*letter);
        }
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

    /// How many messages of it were forgotten for later ones. That is counted while one of them is known, and then
    /// until so many others have nothing known either as there are messages in the history, or 1000 if those are
    /// fewer; then it is 0. What a batch has sent is counted while an event of the batch is known.
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
            writeln!(f, "nothing is known of what followed from {}", self.root)?;
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
