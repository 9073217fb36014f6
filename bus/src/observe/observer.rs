//! What an observer is told: each thing that happens on the bus, where it happens.

use std::any::{Any, type_name};
use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::event::{DropReason, Outcome, QueueMark};
use crate::message::{Message, MessageId, MessageInfo};
use crate::registry::HandlerInfo;
use crate::resilience::CircuitChange;
use crate::resilience::dead_letters::DeadLetterId;
use crate::session::SessionId;

/// Is told of everything that happens on a bus, on the thread on which it happens: must be quick, and must
/// not block. Added with [`Builder::observer`](crate::Builder::observer), or at run time with
/// [`Bus::observe`](crate::Bus::observe). A closure is an observer.
///
/// It cannot change what happens; what has to is a [`Middleware`](crate::Middleware). One that panics is
/// logged and counted, and disturbs nobody. What it does on a bus itself while it is told is told to no
/// observer: else one that publishes would be told for ever.
///
/// What follows from one another on one thread is told in that order. On several threads, a handler may be
/// told to begin before its event is told to be queued: the ids say what belongs together.
///
/// ```
/// use bus::{Bus, Happening, What, event};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// #[event]
/// struct Moved;
///
/// let published = Arc::new(AtomicU64::new(0));
/// let count = Arc::clone(&published);
/// let bus = Bus::builder()
///     .observer(move |happening: &Happening<'_>| {
///         if let What::Published { .. } = happening.what() {
///             count.fetch_add(1, Ordering::Relaxed);
///         }
///     })
///     .build()?;
/// bus.try_publish(Moved)?;
/// assert_eq!(published.load(Ordering::Relaxed), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Observer: Send + Sync + 'static {
    /// Something happens.
    fn observe(&self, happening: &Happening<'_>);

    /// Does it want to hear of the bus's own events, and of what their handlers do, too? Asked once, when it
    /// is added.
    fn lifecycle(&self) -> bool {
        false
    }

    /// The name in logs and lists: that of the type, unless it says otherwise. Asked once, when it is added.
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(type_name::<Self>())
    }
}

impl<F> Observer for F
where
    F: Fn(&Happening<'_>) + Send + Sync + 'static,
{
    fn observe(&self, happening: &Happening<'_>) {
        self(happening);
    }
}

/// Something that happens, and to which message.
#[derive(Debug)]
#[non_exhaustive]
pub struct Happening<'a> {
    pub(super) what: What<'a>,
    pub(super) message: Option<&'static MessageInfo>,
    pub(super) id: Option<MessageId>,
    pub(super) parent: Option<MessageId>,
    pub(super) correlation: Option<MessageId>,
    pub(super) session: Option<&'a SessionId>,
    pub(super) at: Instant,
    pub(super) lifecycle: bool,
    pub(super) depth: u16,
    pub(super) sent_from: Option<&'static Location<'static>>,
}

impl<'a> Happening<'a> {
    /// What happens.
    #[must_use]
    pub fn what(&self) -> &What<'a> {
        &self.what
    }

    /// What is known of the type of the message. `None`: it happens to no message in particular, but to a
    /// circuit breaker, the queue, or a session.
    #[must_use]
    pub fn message(&self) -> Option<&'static MessageInfo> {
        self.message
    }

    /// The name of the message; empty where there is none.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.message.map_or("", MessageInfo::name)
    }

    /// The id of the message. `None`: there is no message, or many, or it was refused before it had one.
    #[must_use]
    pub fn id(&self) -> Option<MessageId> {
        self.id
    }

    /// The id of the message whose handler has sent it; `None` for a root message.
    #[must_use]
    pub fn parent(&self) -> Option<MessageId> {
        self.parent
    }

    /// The id of the root message that all of this follows from.
    #[must_use]
    pub fn correlation(&self) -> Option<MessageId> {
        self.correlation
    }

    /// The session it happens in; [`SessionId::BUS`] outside sessions.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.session.cloned().unwrap_or(SessionId::BUS)
    }

    /// When, by the clock of the bus.
    #[must_use]
    pub fn at(&self) -> Instant {
        self.at
    }

    /// Is it of the bus's own events, or of what their handlers did?
    #[must_use]
    pub fn is_lifecycle(&self) -> bool {
        self.lifecycle
    }

    /// How many messages stand between it and its root: 0 for a root message.
    #[must_use]
    pub fn depth(&self) -> u16 {
        self.depth
    }

    /// Where the message was sent, if that is known: with
    /// [`Builder::track_callers`](crate::Builder::track_callers).
    #[must_use]
    pub fn sent_from(&self) -> Option<&'static Location<'static>> {
        self.sent_from
    }

    /// The command or event, if it is an `M` and at hand: when a command is
    /// [executed](What::Executing), and when an event is [published](What::Published) or
    /// [kept out](What::Filtered).
    #[must_use]
    pub fn get<M: Message>(&self) -> Option<&M> {
        match &self.what {
            What::Executing { command, .. } => command.and_then(|command| command.downcast_ref()),
            What::Published { event, .. } => event.downcast_ref(),
            What::Filtered { event, .. } => event.and_then(|event| event.downcast_ref()),
            _ => None,
        }
    }
}

/// An event, its type forgotten.
pub type ErasedEvent = Arc<dyn Any + Send + Sync>;

/// What an [`Observer`] is told of.
#[derive(Debug)]
#[non_exhaustive]
pub enum What<'a> {
    /// A command's handler is about to be called for the first time.
    #[non_exhaustive]
    Executing {
        /// The handler.
        handler: &'a HandlerInfo,
        /// The command.
        command: Option<&'a dyn Any>,
    },
    /// A command has come to its end, after all attempts.
    #[non_exhaustive]
    Executed {
        /// The handler.
        handler: &'a HandlerInfo,
        /// How often it was called.
        attempts: u32,
        /// What has become of it, unless it has succeeded.
        error: Option<&'a str>,
    },
    /// The future of a command was dropped before it was ready.
    Abandoned,
    /// An event was queued, or kept out by a filter before it was.
    #[non_exhaustive]
    Published {
        /// The event.
        event: &'a ErasedEvent,
        /// What became of it. It is never [`Filtered`](Outcome::Filtered): that is a happening of its own.
        outcome: &'a Outcome,
    },
    /// An event was given to the timers. When it is due it is published, with this id unless it recurs.
    #[non_exhaustive]
    Scheduled {
        /// The event.
        event: &'a ErasedEvent,
        /// When it is due.
        due: Instant,
    },
    /// A command was not executed, or an event not published; its sender was told.
    #[non_exhaustive]
    Rejected {
        /// Why.
        why: &'a str,
    },
    /// A filter said no.
    #[non_exhaustive]
    Filtered {
        /// The name of the filter.
        by: &'a str,
        /// The handler that it stands before; `None`: it stands before the queue.
        handler: Option<&'a HandlerInfo>,
        /// The event.
        event: Option<&'a (dyn Any + Send + Sync)>,
    },
    /// A handler is called: of a command, or of an event.
    #[non_exhaustive]
    Handling {
        /// The handler.
        handler: &'a HandlerInfo,
        /// Which call it is, from 1.
        attempt: u32,
        /// The id of the run, where the handler takes several events at once: what it sends has this for
        /// its parent.
        batch: Option<MessageId>,
    },
    /// A handler is done with an event, for good.
    #[non_exhaustive]
    Handled {
        /// The handler.
        handler: &'a HandlerInfo,
        /// How often it was called.
        attempts: u32,
        /// What has become of it, unless it has succeeded.
        error: Option<&'a str>,
    },
    /// A handler has failed, and is called again.
    #[non_exhaustive]
    Retrying {
        /// The handler.
        handler: &'a HandlerInfo,
        /// Which call has failed.
        attempt: u32,
        /// How long it waits.
        after: Duration,
        /// What went wrong.
        error: &'a str,
        /// Does it wait for long, without a slot?
        delayed: bool,
    },
    /// A handler has said that an event is of no interest to it. That it is
    /// [handled](Self::Handled) follows.
    #[non_exhaustive]
    Discarded {
        /// The handler.
        handler: &'a HandlerInfo,
        /// What it has said.
        error: &'a str,
    },
    /// A handler has given up on a message, which is kept.
    #[non_exhaustive]
    DeadLettered {
        /// The handler.
        handler: &'a HandlerInfo,
        /// The dead letter.
        letter: DeadLetterId,
        /// What went wrong.
        error: &'a str,
    },
    /// Events have not reached their handlers, or not all of them.
    #[non_exhaustive]
    Dropped {
        /// Why.
        reason: DropReason,
        /// How many.
        count: u64,
    },
    /// Nobody handles an event.
    Unhandled,
    /// An event was queued for longer than its `ttl`.
    Expired,
    /// A circuit breaker has changed.
    #[non_exhaustive]
    CircuitChanged {
        /// Its name.
        circuit: &'a str,
        /// From which state to which, and why.
        change: &'a CircuitChange,
    },
    /// The queue has crossed one of its marks.
    #[non_exhaustive]
    QueueMark {
        /// Which.
        mark: QueueMark,
        /// How many events are queued.
        queued: usize,
    },
    /// A session has begun.
    SessionOpened,
    /// A session begins to end.
    #[non_exhaustive]
    SessionEnded {
        /// The error it ends with, if there is one.
        error: Option<&'a str>,
    },
}

/// One line, for people.
impl fmt::Display for Happening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = self.id {
            write!(f, "{id} ")?;
        }
        if let Some(message) = self.message {
            write!(f, "{} ", message.name())?;
        }
        self.what.fmt(f)
    }
}

/// In words, to come after the name of the message.
impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = |attempts: u32| if attempts == 1 { "attempt" } else { "attempts" };
        match self {
            Self::Executing { handler, .. } => write!(f, "is executed by {}", handler.name),
            Self::Executed { handler, attempts, error: None } => {
                write!(f, "was executed by {} ({attempts} {})", handler.name, times(*attempts))
            }
            Self::Executed { error: Some(error), .. } => f.write_str(error),
            Self::Abandoned => f.write_str("was abandoned by its caller"),
            Self::Published { outcome: Outcome::QueuedAfterDropping(n), .. } => {
                write!(f, "is queued, after {n} older ones were dropped")
            }
            Self::Published { .. } => f.write_str("is queued"),
            Self::Scheduled { .. } => f.write_str("is scheduled"),
            Self::Rejected { why } => write!(f, "was rejected: {why}"),
            Self::Filtered { by, handler: None, .. } => write!(f, "was kept out by {by}"),
            Self::Filtered { by, handler: Some(handler), .. } => {
                write!(f, "was kept from {} by {by}", handler.name)
            }
            Self::Handling { handler, attempt, .. } => {
                write!(f, "is handled by {} (attempt {attempt})", handler.name)
            }
            Self::Handled { handler, attempts, error: None } => {
                write!(f, "was handled by {} ({attempts} {})", handler.name, times(*attempts))
            }
            Self::Handled { handler, attempts, error: Some(error) } => {
                let times = times(*attempts);
                write!(f, "was not handled by {} ({attempts} {times}): {error}", handler.name)
            }
            Self::Retrying { handler, attempt, after, error, .. } => {
                let name = &handler.name;
                write!(f, "attempt {attempt} of {name} failed, again in {after:?}: {error}")
            }
            Self::Discarded { handler, error } => {
                write!(f, "is of no interest to {}: {error}", handler.name)
            }
            Self::DeadLettered { handler, letter, error } => {
                write!(f, "is dead letter {letter} of {}: {error}", handler.name)
            }
            Self::Dropped { reason, count: 1 } => write!(f, "was dropped: {reason}"),
            Self::Dropped { reason, count } => write!(f, "were dropped ({count}): {reason}"),
            Self::Unhandled => f.write_str("is handled by nobody"),
            Self::Expired => f.write_str("has expired"),
            Self::CircuitChanged { circuit, change } => write!(f, "circuit {circuit}: {change}"),
            Self::QueueMark { mark: QueueMark::High, queued } => {
                write!(f, "the queue runs full ({queued})")
            }
            Self::QueueMark { mark: QueueMark::Low, queued } => {
                write!(f, "the queue is well again ({queued})")
            }
            Self::SessionOpened => f.write_str("a session has begun"),
            Self::SessionEnded { error: None } => f.write_str("a session ends"),
            Self::SessionEnded { error: Some(error) } => write!(f, "a session ends: {error}"),
        }
    }
}
