//! What is sent, to which bus, and when it ends: made at random.

use std::time::Duration;

use bus::{BackpressureStrategy, Sampling};
use proptest::prelude::*;

use super::{Fate, LATE};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Op {
    /// Its caller goes away after so many milliseconds.
    Execute(Fate, Option<u64>),
    Publish(Fate),
    TryPublish(Fate),
    Short,
    Unheard,
    Blocked,
    Wait(u64),
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => (0..5_u32).prop_map(Fate::Fails),
        1 => Just(Fate::Panics),
        1 => Just(Fate::Hangs),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (fates(), prop::option::weighted(0.3, 0..70_u64)).prop_map(|(fate, gone)| Op::Execute(fate, gone)),
        3 => fates().prop_map(Op::Publish),
        3 => fates().prop_map(Op::TryPublish),
        2 => Just(Op::Short),
        1 => Just(Op::Unheard),
        1 => Just(Op::Blocked),
        2 => (0..30_u64).prop_map(Op::Wait),
    ]
}

#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) ops: Vec<Op>,
    pub(crate) strategy: BackpressureStrategy,
    pub(crate) capacity: usize,
    pub(crate) concurrency: usize,
    /// Events whose handlers do not end.
    pub(crate) stuck: u64,
    pub(crate) sampling: Sampling,
    /// How long, in milliseconds, until the bus is shut down.
    pub(crate) ends_after: u64,
}

pub(crate) fn scenarios() -> impl Strategy<Value = Scenario> {
    let strategies = prop_oneof![
        Just(BackpressureStrategy::Block { timeout: Duration::from_millis(20) }),
        Just(BackpressureStrategy::DropOldest),
        Just(BackpressureStrategy::RejectNew),
        Just(BackpressureStrategy::AdaptiveRateLimit),
    ];
    let sampling =
        prop_oneof![Just(Sampling::Every), Just(Sampling::one_in(3)), Just(Sampling::Off)];
    let ends = prop_oneof![Just(LATE), 0..300_u64];
    let parts =
        (prop::collection::vec(ops(), 1..60), strategies, 1..20_usize, 1..6_usize, 0..2_u64);
    (parts, sampling, ends).prop_map(|(parts, sampling, ends_after)| {
        let (ops, strategy, capacity, concurrency, stuck) = parts;
        Scenario { ops, strategy, capacity, concurrency, stuck, sampling, ends_after }
    })
}
