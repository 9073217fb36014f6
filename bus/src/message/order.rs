//! In which order the events of a type are handled: what the attribute says of it.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use super::MessageInfo;
use crate::pipeline::failure::panic_text;
use crate::registry::type_map::TypeIdHasher;

/// The events of a type take lanes, and follow each other in each of them.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "named by generated code alone")]
pub struct Order {
    /// The lanes are shared by all types of this name; else they are the type's own.
    pub stream: Option<&'static str>,
    /// A lane for each key; else there is one.
    pub key: Option<LaneKey>,
}

/// The field whose value chooses the lane.
#[derive(Clone, Copy)]
pub struct LaneKey {
    field: &'static str,
    type_id: TypeId,
    type_name: fn() -> &'static str,
    /// The field of an event.
    get: fn(&dyn Any) -> Option<&dyn Any>,
    hash: fn(&dyn Any) -> u64,
}

/// What can be a key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key: it is not `Hash`",
    label = "the type of this field has to be `Hash`",
    note = "derive `Hash` for it, or give the event a field that says which events belong together, such as an id"
)]
pub trait CanBeKey: Hash + 'static {}
#[diagnostic::do_not_recommend]
impl<T: Hash + 'static> CanBeKey for T {}

impl LaneKey {
    /// A key in a field of type `K`. The one place that asks for `Hash`, so that it is missed once.
    #[must_use]
    pub const fn of<K: CanBeKey>(
        field: &'static str,
        get: fn(&dyn Any) -> Option<&dyn Any>,
    ) -> Self {
        let (type_id, type_name, hash) = (TypeId::of::<K>(), type_name::<K>, hash::<K>);
        Self { field, type_id, type_name, get, hash }
    }

    fn hash_of(&self, event: &dyn Any) -> u64 {
        (self.get)(event).map_or(0, self.hash)
    }

    pub(crate) fn type_name(&self) -> &'static str {
        (self.type_name)()
    }
}

/// The hash of a key. Keys that collide share a lane, which costs them time and no order.
fn hash<K: CanBeKey>(key: &dyn Any) -> u64 {
    // Of this process: nobody can choose keys that collide.
    static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    key.downcast_ref::<K>().map_or(0, |key| STATE.hash_one(key))
}

/// A field of an event that has lost its type.
pub fn field<M: 'static, K: 'static>(event: &dyn Any, get: fn(&M) -> &K) -> Option<&dyn Any> {
    event.downcast_ref().map(|event| get(event) as &dyn Any)
}

/// What shares lanes: the events of a type, or of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Type(TypeId),
    Stream(&'static str),
}

/// One lane: those of a stream, or of a type, that have one key. A hash of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LaneId(pub(crate) u64);

/// The lanes that a call holds: of one event, or of a batch.
#[derive(Clone, Debug, Default)]
pub(crate) enum HeldLanes {
    #[default]
    None,
    One(LaneId),
    Many(Arc<[LaneId]>),
}

impl HeldLanes {
    pub(crate) fn one(lane: Option<LaneId>) -> Self {
        lane.map_or(Self::None, Self::One)
    }

    pub(crate) fn all(lanes: impl Iterator<Item = LaneId>) -> Self {
        let mut lanes: Vec<_> = lanes.collect();
        lanes.sort_unstable_by_key(|lane| lane.0);
        lanes.dedup();
        match *lanes {
            [] => Self::None,
            [one] => Self::One(one),
            _ => Self::Many(lanes.into()),
        }
    }

    pub(crate) fn as_slice(&self) -> &[LaneId] {
        match self {
            Self::None => &[],
            Self::One(lane) => std::slice::from_ref(lane),
            Self::Many(lanes) => lanes,
        }
    }
}

impl Order {
    pub(crate) fn group(&self, type_id: TypeId) -> Group {
        self.stream.map_or(Group::Type(type_id), Group::Stream)
    }

    /// Can events of both be in one lane of their stream?
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.key.map(|key| key.type_id) == other.key.map(|key| key.type_id)
    }

    /// The key of a type of a stream, for people.
    pub(crate) fn describe_key(&self, message: &MessageInfo) -> String {
        let (name, (file, line)) = (message.name(), message.place());
        match self.key {
            None => format!("{name} ({file}:{line}) has none"),
            Some(key) => {
                let (field, key) = (key.field, key.type_name());
                format!("{name} ({file}:{line}) has `{field}: {key}`")
            }
        }
    }

    /// The lane of an event. One whose `Hash` panics is in that of all such events.
    pub(crate) fn lane(&self, type_id: TypeId, event: &dyn Any) -> LaneId {
        let key = self.key.map_or(0, |key| {
            catch_unwind(AssertUnwindSafe(|| key.hash_of(event))).unwrap_or_else(|panic| {
                let (key, panic) = (key.type_name(), panic_text(&*panic));
                tracing::error!(key, panic, "the hash of an event's key panicked");
                0
            })
        });
        LaneId(key.wrapping_add(self.group(type_id).hash()))
    }
}

impl Group {
    /// Stands for all of its lanes, where they cannot be told apart.
    pub(crate) fn all_lanes(self) -> LaneId {
        LaneId(!self.hash())
    }

    fn hash(self) -> u64 {
        match self {
            Self::Type(id) => BuildHasherDefault::<TypeIdHasher>::default().hash_one(id),
            Self::Stream(name) => BuildHasherDefault::<DefaultHasher>::default().hash_one(name),
        }
    }
}

/// For people: `ordered`, `key = "id"`, `stream = "orders", key = "id"`.
impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.stream, self.key) {
            (None, None) => f.write_str("ordered"),
            (None, Some(key)) => write!(f, "key = \"{}\"", key.field),
            (Some(stream), None) => write!(f, "stream = \"{stream}\""),
            (Some(stream), Some(key)) => {
                write!(f, "stream = \"{stream}\", key = \"{}\"", key.field)
            }
        }
    }
}

impl fmt::Debug for LaneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LaneKey({}: {})", self.field, self.type_name())
    }
}

#[cfg(test)]
mod tests {
    use super::{HeldLanes, LaneId};

    #[test]
    fn a_lane_is_held_once_however_many_events_are_in_it() {
        for (lanes, held) in [
            (&[][..], &[][..]),
            (&[7], &[7]),
            (&[7, 7, 7], &[7]),
            (&[3, 7, 3, 1, 7, 3], &[1, 3, 7]),
        ] {
            let all = HeldLanes::all(lanes.iter().copied().map(LaneId));
            let held: Vec<_> = held.iter().copied().map(LaneId).collect();
            assert_eq!(all.as_slice(), held, "{lanes:?}");
        }
    }
}
