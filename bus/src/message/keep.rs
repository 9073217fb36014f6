//! A command in the hands of its caller, until its handler has it: once, or for each attempt anew.

use std::any::{Any, TypeId};
use std::borrow::Borrow;
use std::cell::RefCell;
use std::hash::{BuildHasher, BuildHasherDefault};
use std::sync::Arc;

use super::carrier::Moved;
use super::{MessageInfo, Takes};
use crate::pipeline::run::drop_users;
use crate::registry::type_map::TypeIdHasher;

/// Clones a message into an `Option` of its type.
pub(crate) type CloneInto = fn(&dyn Any, &mut dyn Any);

/// A command, and how often it can be given to its handler.
pub(crate) enum Keep<C> {
    /// Once.
    Once(C),
    /// For each attempt a clone.
    Clones(C, CloneInto),
    /// For each attempt, which only borrows it. In a place that is used again.
    Lent(Arc<Option<C>>),
    /// For each attempt a share.
    Shares(Arc<C>),
    /// It was given away.
    Gone,
}

/// How a message of this type is kept for a handler that takes it so; `None` if it cannot be.
pub(crate) fn can_keep(takes: Takes, info: &MessageInfo) -> bool {
    match takes {
        Takes::Borrowed | Takes::Shared => true,
        Takes::Owned => info.capabilities().clone_into.is_some(),
    }
}

impl<C> Keep<C> {
    #[inline]
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Shares(_))
    }
}

impl<C: Send + Sync + 'static> Keep<C> {
    /// Sees to it that there can be another attempt. `false`: the handler takes it by value, and it is
    /// not `Clone`.
    pub(crate) fn keep(&mut self, takes: Takes, info: &MessageInfo) -> bool {
        *self = match std::mem::replace(self, Self::Gone) {
            Self::Once(command) => match (takes, info.capabilities().clone_into) {
                (Takes::Borrowed, _) => Self::Lent(place(command)),
                (Takes::Shared, _) => Self::Shares(Arc::new(command)),
                (Takes::Owned, Some(clone)) => Self::Clones(command, clone),
                (Takes::Owned, None) => Self::Once(command),
            },
            // A dead letter, whose handler takes it by value.
            Self::Shares(command) if takes == Takes::Owned => {
                let clone = info.capabilities().clone_into;
                let cloned = clone.and_then(|clone| Some((clone_of(&*command, clone)?, clone)));
                cloned.map_or(Self::Gone, |(command, clone)| Self::Clones(command, clone))
            }
            kept => kept,
        };
        !matches!(self, Self::Once(_) | Self::Gone)
    }

    /// For one attempt.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Moved<C>> {
        match self {
            Self::Clones(command, clone) => clone_of(command, *clone).map(Moved::Owned),
            Self::Lent(command) => Some(Moved::Lent(Lent(Arc::clone(command)))),
            Self::Shares(command) => Some(Moved::Shared(Arc::clone(command))),
            Self::Once(_) | Self::Gone => match std::mem::replace(self, Self::Gone) {
                Self::Once(command) => Some(Moved::Owned(command)),
                _ => None,
            },
        }
    }

    /// The command, unless it was given away.
    pub(crate) fn get(&self) -> Option<&C> {
        match self {
            Self::Once(command) | Self::Clones(command, _) => Some(command),
            Self::Lent(command) => command.as_ref().as_ref(),
            Self::Shares(command) => Some(command),
            Self::Gone => None,
        }
    }

    /// For whoever keeps it when its handler has given up.
    pub(crate) fn into_shared(self) -> Option<Arc<C>> {
        match self {
            Self::Once(command) | Self::Clones(command, _) => Some(Arc::new(command)),
            Self::Shares(command) => Some(command),
            Self::Lent(mut command) => Arc::get_mut(&mut command)?.take().map(Arc::new),
            Self::Gone => None,
        }
    }

    /// There is no further attempt.
    #[inline]
    pub(crate) fn done(&mut self) {
        if matches!(self, Self::Lent(_))
            && let Self::Lent(command) = std::mem::replace(self, Self::Gone)
        {
            give_back(command);
        }
    }

    /// What one attempt was given, for attempts inside of it.
    pub(crate) fn of(given: Moved<C>) -> Self {
        match given {
            Moved::Owned(command) => Self::Once(command),
            Moved::Shared(command) => Self::Shares(command),
            Moved::Lent(command) => Self::Lent(command.0),
        }
    }
}

fn clone_of<C: 'static>(command: &C, clone: CloneInto) -> Option<C> {
    let mut cloned = None;
    clone(command, &mut cloned);
    cloned
}

/// One that was not given away is lent.
impl<M> Borrow<M> for Lent<M> {
    fn borrow(&self) -> &M {
        match &*self.0 {
            Some(message) => message,
            None => unreachable!("a message that is lent is there"),
        }
    }
}

/// A message that its handler borrows.
#[derive(Debug)]
pub struct Lent<M>(pub(crate) Arc<Option<M>>);

/// How many places a thread keeps, at most one for a type of message: enough for what is busy at a time.
const KEPT: usize = 32;
/// A larger message's place is not kept, so that a thread keeps little.
const LARGE: usize = 4096;

type Places = [Option<Arc<dyn Any + Send + Sync>>; KEPT];

thread_local! {
    static PLACES: RefCell<Places> = const { RefCell::new([const { None }; KEPT]) };
}

/// Where a thread keeps the place for such messages.
fn index(holds: TypeId) -> usize {
    let hash = BuildHasherDefault::<TypeIdHasher>::default().hash_one(holds);
    // The remainder is below `KEPT`.
    usize::try_from(hash % KEPT as u64).unwrap_or(0)
}

/// Puts a command where its attempts find it: no allocation, if this thread has kept a place.
fn place<C: Send + Sync + 'static>(command: C) -> Arc<Option<C>> {
    let kept = take_place(TypeId::of::<C>(), TypeId::of::<Option<C>>());
    let kept = kept.and_then(|kept| kept.downcast::<Option<C>>().ok());
    let Some(mut kept) = kept else { return Arc::new(Some(command)) };
    match Arc::get_mut(&mut kept) {
        Some(place) => {
            *place = Some(command);
            kept
        }
        None => Arc::new(Some(command)),
    }
}

/// Keeps the place of a command that nobody holds any more.
fn give_back<C: Send + Sync + 'static>(mut place: Arc<Option<C>>) {
    let Some(command) = Arc::get_mut(&mut place) else { return };
    // A destructor of the user's: before the places are borrowed.
    drop_users(command.take());
    if size_of::<C>() <= LARGE {
        keep_place(TypeId::of::<C>(), place);
    }
}

/// What this thread has kept for messages of a type, as long as it is a place of this type.
fn take_place(of: TypeId, place: TypeId) -> Option<Arc<dyn Any + Send + Sync>> {
    let taken = PLACES.try_with(|places| {
        places.borrow_mut()[index(of)].take_if(|kept| (**kept).type_id() == place)
    });
    taken.ok().flatten()
}

/// What is replaced is empty. A thread that ends keeps nothing.
fn keep_place(of: TypeId, place: Arc<dyn Any + Send + Sync>) {
    let _ = PLACES.try_with(|places| places.borrow_mut()[index(of)].replace(place));
}
