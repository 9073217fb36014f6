//! Everything that generated code names, and nothing else. No part of the public interface: it
//! changes with the macros, whose version is pinned to this crate's.
#![allow(missing_docs)]

pub use crate::error::Error;
pub use crate::event::filter::{FilterFn, FilterView};
pub use crate::handler::batch::{
    BatchItem, BatchSlotOf, BatchesEvents, Batching, IntoBatchOutcome,
};
pub use crate::handler::failure::{Reply, Unclassed, tried_again};
pub use crate::handler::limit::{Filter, FiltersEvents, Retries, Retry};
pub use crate::handler::param::{Param, Requirements};
pub use crate::handler::reply::{IntoError, IntoOutcome};
pub use crate::handler::resource::{Provided, ResourceParam, ResourceSet};
pub use crate::handler::running::running;
pub use crate::handler::slot::BoxFuture;
pub use crate::handler::slot::{Slot, SlotOf};
pub use crate::handler::unique::{
    HandledBy, Unique, a_command_has_exactly_one_handler, one_handler,
};
pub use crate::message::carrier::{MessageOf, MessageRef, TakeFrom};
pub use crate::message::info::{Capabilities, Category, MessageInfo, MessageMeta, Name};
pub use crate::message::kind::{self, Carrier, Kind, Outcome};
pub use crate::message::order::{LaneKey, Order, field};
pub use crate::message::{Message, probe};
pub use crate::pipeline::hook::{Hook, HookFn, Tells};
pub use crate::pipeline::middleware::layers::{IntoLayer, MakeLayer, On, OwnLayer};
pub use crate::pipeline::middleware::{Call, Handled, Layer, Middleware, Next};
pub use crate::registry::entry::{
    AroundEntry, FilterEntry, HandlerEntry, HandlerMeta, HandlerType, MakeHook, MessageEntry,
    Registered, RegisteredResource, ResourceEntry, ResourceMeta,
};
pub use crate::resilience::declared::{BreakerMeta, RetryMeta};
pub use crate::resilience::{Classify, ErrorClass, Jitter};
pub use inventory;

pub use std::boxed::Box;
pub use std::marker::{Send, Sync};
pub use std::num::NonZeroU32;
pub use std::option::Option;
pub use std::result::Result;
pub use std::sync::Arc;
pub use std::time::Duration;
