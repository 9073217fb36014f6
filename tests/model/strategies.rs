//! Which scenarios there are, and how likely.

use std::ops::RangeInclusive;

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::{Just, Strategy as Generate, any, prop_oneof};
use proptest::sample::select;
use proptest::strategy::BoxedStrategy;

use super::scenario::{
    Action, Course, End, Ending, Form, Handler, How, KINDS, Kind, Scenario, Settings, Step,
    Strategy, Time,
};

/// Few, so that groups have several members.
pub(crate) const PRIORITIES: [i32; 3] = [-1, 0, 7];
/// The most events that one step of a handler makes.
const MOST_AT_ONCE: RangeInclusive<u8> = 1..=12;
/// Longer than a scenario ever takes.
const LONG_MS: u64 = 20_000;

pub(crate) fn scenario(time: Time) -> impl Generate<Value = Scenario> {
    let handlers = || {
        let plain = weighted(0.4, plain_handler());
        let batch = weighted(0.3, batch_handler(time));
        (vec(handler(time), 0..=3), batch, plain).prop_map(|(mut handlers, batch, plain)| {
            handlers.extend(batch);
            handlers.extend(plain);
            handlers
        })
    };
    let publishers = vec(vec(action(time), 0..=14), 1..=3);
    let all = [handlers(), handlers(), handlers(), handlers(), handlers()];
    (settings(time), all, publishers, ending(time)).prop_map(
        |(settings, handlers, publishers, ending)| Scenario {
            settings,
            handlers,
            publishers,
            ending,
        },
    )
}

fn settings(time: Time) -> impl Generate<Value = Settings> {
    let capacity = prop_oneof![2 => 1..=3_usize, 1 => 4..=12_usize];
    // On a running clock a handler's turn may come late for reasons that are not the bus's.
    let timeout = match time {
        Time::Virtual => prop_oneof![1 => Just(None), 3 => (3..=60_u64).prop_map(Some)].boxed(),
        Time::Real => Just(Some(LONG_MS)).boxed(),
    };
    (capacity, 1..=8_usize, 1..=4_usize, strategy(time), timeout, any::<bool>()).prop_map(
        |(capacity, batch, concurrency, strategy, event_timeout_ms, listens)| Settings {
            capacity,
            batch,
            concurrency,
            strategy,
            event_timeout_ms,
            listens,
        },
    )
}

/// A new strategy is one more line.
fn strategy(time: Time) -> impl Generate<Value = Strategy> {
    let block = match time {
        Time::Virtual => prop_oneof![1..=30_u64, Just(LONG_MS)].boxed(),
        Time::Real => Just(LONG_MS).boxed(),
    };
    prop_oneof![
        block.prop_map(|timeout_ms| Strategy::Block { timeout_ms }),
        Just(Strategy::DropOldest),
        Just(Strategy::RejectNew),
        Just(Strategy::Adaptive),
    ]
}

fn kind() -> impl Generate<Value = Kind> {
    select(&KINDS[..])
}

fn handler(time: Time) -> impl Generate<Value = Handler> {
    (select(&PRIORITIES[..]), vec(course(time), 1..=2)).prop_map(|(priority, courses)| Handler {
        priority,
        form: Form::Closure,
        courses,
    })
}

fn batch_handler(time: Time) -> impl Generate<Value = Handler> {
    let size = prop_oneof![2 => 1..=4_usize, 1 => Just(100)];
    (handler(time), size).prop_map(|(handler, size)| Handler { form: Form::Batch(size), ..handler })
}

/// What a plain function can do: it never waits.
fn plain_handler() -> impl Generate<Value = Handler> {
    let how = select(&[How::TryPublish, How::OfTheBus][..]);
    let step = prop_oneof![
        (how, kind(), 1..=3_u8).prop_map(|(how, kind, events)| Step::Publish { how, kind, events }),
        (kind(), 1..=3_u8).prop_map(|(kind, events)| Step::Emit { kind, events }),
    ];
    let end = prop_oneof![4 => Just(End::Succeed), 1 => Just(End::Fail), 1 => Just(End::Panic)];
    let course = (vec(step, 0..=2), end).prop_map(|(steps, end)| Course { steps, end });
    (select(&PRIORITIES[..]), vec(course, 1..=2)).prop_map(|(priority, courses)| Handler {
        priority,
        form: Form::Plain,
        courses,
    })
}

fn course(time: Time) -> BoxedStrategy<Course> {
    let hang = if time == Time::Virtual { End::Hang } else { End::Fail };
    let end = prop_oneof![
        8 => Just(End::Succeed),
        2 => Just(End::Fail),
        2 => Just(End::Panic),
        1 => Just(hang),
    ];
    let steps = prop_oneof![2 => Just(Vec::new()), 3 => vec(step(time), 1..=3)];
    (steps, end).prop_map(|(steps, end)| Course { steps, end }).boxed()
}

fn step(time: Time) -> BoxedStrategy<Step> {
    let events = || {
        let (few, most) = (*MOST_AT_ONCE.start(), *MOST_AT_ONCE.end());
        prop_oneof![6 => few..=few + 1, 1 => few..=most]
    };
    let how = select(&[How::Publish, How::TryPublish, How::OfTheBus][..]);
    let pause = match time {
        Time::Virtual => (1..=40_u64).prop_map(|ms| Step::Sleep { ms }).boxed(),
        Time::Real => Just(Step::Yield { times: 9 }).boxed(),
    };
    prop_oneof![
        2 => (1..=4_u8).prop_map(|times| Step::Yield { times }),
        2 => pause,
        1 => (how, kind(), events()).prop_map(|(how, kind, events)| Step::Publish {
            how,
            kind,
            events,
        }),
        1 => (kind(), events()).prop_map(|(kind, events)| Step::Emit { kind, events }),
    ]
    .boxed()
}

fn action(time: Time) -> BoxedStrategy<Action> {
    let publish = prop_oneof![
        4 => kind().prop_map(Action::Publish),
        3 => kind().prop_map(Action::TryPublish),
        1 => (kind(), 0..=4_u8).prop_map(|(kind, polls)| Action::PublishForPolls { kind, polls }),
        1 => (kind(), 0..=40_u64).prop_map(|(kind, ms)| Action::Later { kind, ms }),
        1 => Just(Action::TakeBack),
    ];
    let pause = (1..=4_u8).prop_map(|times| Action::Yield { times });
    match time {
        Time::Real => prop_oneof![6 => publish, 1 => pause].boxed(),
        Time::Virtual => prop_oneof![
            8 => publish,
            1 => (kind(), 1..=20_u64).prop_map(|(kind, ms)| Action::PublishFor { kind, ms }),
            1 => (1..=30_u64).prop_map(|ms| Action::Sleep { ms }),
            1 => pause,
        ]
        .boxed(),
    }
}

fn ending(time: Time) -> BoxedStrategy<Ending> {
    let midway = (0..=80_u64, 0..=30_u64, 1..=10_u64);
    let midway =
        midway.prop_map(|(after, drain_ms, grace_ms)| Ending::Midway { after, drain_ms, grace_ms });
    match time {
        Time::Real => prop_oneof![Just(Ending::Settled), Just(Ending::Drained), midway].boxed(),
        Time::Virtual => prop_oneof![
            2 => Just(Ending::Settled),
            1 => Just(Ending::Drained),
            2 => midway,
            1 => (0..=40_u64).prop_map(|after_ms| Ending::Dropped { after_ms }),
        ]
        .boxed(),
    }
}
