//! Where a message comes from, and what it inherits from there.

use std::fmt;
use std::sync::{Arc, Weak};

use super::cancel::Cancel;
use super::options::Principal;
use super::traceparent::Trace;
use crate::clock::MaybeInstant;
use crate::context::Scratch;
use crate::event::completion::Completion;
use crate::message::{MessageId, MessageInfo};
use crate::session::Scope;
use crate::sync::shared;

/// How deep messages may cause messages. A cycle of commands that execute each other, or of events
/// that feed each other, ends here, with its chain in the error.
pub(crate) const MAX_DEPTH: u16 = 64;

shared! {
    /// A message as its children see it. Made when a handler sends its first child, shared by all.
    pub(crate) struct Origin {
        pub(crate) id: MessageId,
        pub(crate) correlation: MessageId,
        pub(crate) info: &'static MessageInfo,
        pub(crate) depth: u16,
        /// Is this the bus's own event, or what its handlers did? Then it announces nothing, else a
        /// handler that logs every command would be logged for ever.
        pub(crate) lifecycle: bool,
        pub(crate) session: Option<Arc<Scope>>,
        pub(crate) principal: Option<Principal>,
        /// The trace it belongs to, if it is known.
        pub(crate) trace: Option<Arc<Trace>>,
        pub(crate) parent: Option<Arc<Origin>>,
        /// If somebody waits for all that follows from this. Weak: who merely may send something, later,
        /// is not waited for.
        pub(crate) completion: Weak<Completion>,
    }
}

impl Origin {
    /// May this message have a child? Else the chain that led here, from the root.
    pub(crate) fn too_deep(&self, child: &'static MessageInfo) -> Option<Vec<&'static str>> {
        if self.depth + 1 < MAX_DEPTH {
            return None;
        }
        Some(self.chain_to(child))
    }

    /// For a message that is sent later. Time goes by, so it is no link of a chain, and nobody who waits
    /// for this waits for that.
    pub(crate) fn of_later(&self) -> Arc<Self> {
        Arc::new(Self {
            id: self.id,
            correlation: self.correlation,
            info: self.info,
            depth: 0,
            lifecycle: self.lifecycle,
            session: None,
            principal: self.principal.clone(),
            trace: self.trace.clone(),
            parent: None,
            completion: Weak::new(),
        })
    }

    /// From the root, by this message, to its child.
    pub(crate) fn chain_to(&self, child: &'static MessageInfo) -> Vec<&'static str> {
        let ancestors = std::iter::successors(Some(self), |origin| origin.parent.as_deref());
        let mut chain: Vec<_> = ancestors.map(|origin| origin.info.name()).collect();
        chain.reverse();
        chain.push(child.name());
        chain
    }
}

/// The chain for people: a cycle is plain after a few steps.
pub(crate) struct Chain<'a>(pub(crate) &'a [&'static str]);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "messages have caused one another {MAX_DEPTH} deep, the limit: ")?;
        match self.0 {
            [first @ .., _, last] if first.len() > 6 => {
                write!(f, "{} -> .. -> {last}", first[..6].join(" -> "))
            }
            all => f.write_str(&all.join(" -> ")),
        }
    }
}

/// Why an event would wait for itself.
pub(crate) struct OwnLane<'a>(pub(crate) &'a [&'static str]);

impl fmt::Display for OwnLane<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chain = self.0.join(" -> ");
        write!(f, "its turn would come when the handler that waits for it has ended: {chain}")
    }
}

/// What a message inherits from the handler that sends it. Two words, handed on in registers: most messages inherit
/// nothing.
#[derive(Default)]
pub(crate) struct Inherited {
    pub(crate) from: Option<Arc<Scratch>>,
    pub(crate) deadline: MaybeInstant,
}

impl Inherited {
    #[inline]
    pub(crate) fn origin(&self) -> Option<&Arc<Origin>> {
        self.from.as_ref().map(|from| &from.origin)
    }

    /// Fires when the handler is cancelled.
    #[inline]
    pub(crate) fn cancel(&self) -> Option<&Arc<Cancel>> {
        self.from.as_ref().map(|from| &from.cancel)
    }
}
