//! What can be wrong with the wiring. All of it is told at once, sorted.

use std::fmt;

use super::plan::HandlerInfo;
use crate::message::MessageInfo;

/// Why a bus could not be built: every problem there is, in the same order on every build.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub struct BuildError {
    problems: Vec<WiringProblem>,
}

impl BuildError {
    pub(crate) fn new(mut problems: Vec<WiringProblem>) -> Self {
        problems.sort_by_key(ToString::to_string);
        Self { problems }
    }

    /// The problems, sorted.
    #[must_use]
    pub fn problems(&self) -> &[WiringProblem] {
        &self.problems
    }
}

/// As it is displayed: a `main` that returns it prints this.
impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.problems {
            [one] => write!(f, "the bus cannot be built: {one}"),
            many => {
                write!(f, "the bus cannot be built, for {} reasons:", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
            }
        }
    }
}

/// One reason why a bus cannot be built.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum WiringProblem {
    /// A command has more than one handler.
    #[error(
        "command {command} has two handlers: {first} and {second}; make one of them `manual`, or handle another command"
    )]
    TwoHandlers {
        /// The command.
        command: &'static str,
        /// One handler.
        first: HandlerInfo,
        /// The other.
        second: HandlerInfo,
    },
    /// A command has no handler; only in a [`strict`](crate::Builder::strict) bus.
    #[error("command {command} ({}:{}) has no handler: write one, or name the crate that has it: `bus::link!(that_crate);`", place.0, place.1)]
    NoHandler {
        /// The command.
        command: &'static str,
        /// Where it is declared.
        place: (&'static str, u32),
    },
    /// Two message types bear one name.
    #[error("two messages are named {name}: at {}:{} and at {}:{}; give one another name: `name = \"..\"`", first.0, first.1, second.0, second.1)]
    SameName {
        /// The name.
        name: &'static str,
        /// One of them.
        first: (&'static str, u32),
        /// The other.
        second: (&'static str, u32),
    },
    /// Two types of a stream whose keys differ: their events would never be in one lane.
    #[error(
        "the types of stream \"{stream}\" have different keys: {first}, but {second}; give all of them a key of one type, or none"
    )]
    StreamKeys {
        /// The stream.
        stream: &'static str,
        /// One type, its key, and where it is declared.
        first: String,
        /// Another.
        second: String,
    },
    /// A handler or a resource takes what nobody provides.
    #[error(
        "{taker} takes a `{resource}` that was not provided: write a `#[bus::resource]` function that returns one, or call `.provide(..)`"
    )]
    MissingResource {
        /// Who takes it, with file and line.
        taker: String,
        /// The type of the resource.
        resource: &'static str,
    },
    /// Two functions provide one type.
    #[error(
        "`{resource}` is provided twice: by {first} and by {second}; wrap one in a type of its own"
    )]
    TwoResources {
        /// The type.
        resource: &'static str,
        /// One function, with file and line.
        first: String,
        /// The other.
        second: String,
    },
    /// Resources that need each other.
    #[error("{} need each other: none can be made first", resources.join(", "))]
    ResourceCycle {
        /// The functions, with file and line.
        resources: Vec<String>,
    },
    /// A `#[resource]` function failed, or panicked.
    #[error("{resource} failed: {error}")]
    ResourceFailed {
        /// The function, with file and line.
        resource: String,
        /// What it said.
        error: String,
    },
    /// A setting of the builder is out of its range.
    #[error("`{setting}` is {value}, and must be {range}")]
    BadSetting {
        /// The name of the setter.
        setting: &'static str,
        /// What it was given.
        value: String,
        /// What it takes.
        range: &'static str,
    },
    /// The registry does not want a handler.
    #[error("handler {handler} was refused by the registry: {reason}")]
    Refused {
        /// The handler.
        handler: HandlerInfo,
        /// What the registry says.
        reason: String,
    },
    /// The registry cannot say which handlers there are.
    #[error("the registry cannot say which handlers there are: {reason}")]
    Registry {
        /// What it says.
        reason: String,
    },
    /// The registry does not list the handler of a command; only in a
    /// [`strict`](crate::Builder::strict) bus.
    #[error(
        "command {command} has no handler that is called: the registry does not list {switched_off}"
    )]
    SwitchedOff {
        /// The command.
        command: &'static str,
        /// Its handler.
        switched_off: HandlerInfo,
    },
    /// A handler is to be called again, or to keep what it gives up on, and cannot.
    #[error(
        "`{what}` is declared for handler {handler}, which takes command {command} by value, so that it is gone when it was called: let the handler take `&{short}`, or derive `Clone` for `{short}`"
    )]
    CannotBeKept {
        /// `retry` or `dead_letters`.
        what: &'static str,
        /// The handler.
        handler: HandlerInfo,
        /// The command.
        command: &'static str,
        /// The name of its type.
        short: &'static str,
    },
    /// Two handlers share a circuit breaker, and say different things of it.
    #[error(
        "handlers {first} and {second} share the circuit breaker `{name}`, and say different things of it; say the same, or give it two names"
    )]
    SharedBreaker {
        /// The name of the breaker.
        name: String,
        /// One handler.
        first: HandlerInfo,
        /// The other.
        second: HandlerInfo,
    },
    /// Something names a handler that this bus has not.
    #[error("`{setting}` names the handler {handler}, which this bus does not have")]
    NoSuchHandler {
        /// The name of the setter.
        setting: &'static str,
        /// The handler.
        handler: String,
    },
    /// [`Builder::only`](crate::Builder::only) names a module in which nothing is linked.
    #[error(
        "`only` names the module `{module}`, in which no handler, message or resource is linked; {}",
        modules(there)
    )]
    NoSuchModule {
        /// What it names.
        module: String,
        /// Modules in which something is linked: those whose names are the nearest.
        there: Vec<String>,
    },
}

fn modules(there: &[String]) -> String {
    match there {
        [] => "nothing is linked at all: `bus::link!(that_crate);` names a crate that is not"
            .to_owned(),
        there => format!("there is something in {}", there.join(", ")),
    }
}

impl WiringProblem {
    pub(crate) fn same_name(a: &'static MessageInfo, b: &'static MessageInfo) -> Self {
        let (first, second) = (a.place().min(b.place()), a.place().max(b.place()));
        Self::SameName { name: a.name(), first, second }
    }
}
