//! What is done, made at random.

use proptest::prelude::*;

use super::{Does, Ends, Step};

fn does() -> impl Strategy<Value = Does> {
    prop_oneof![
        3 => Just(Does::Nothing),
        3 => (1..40_u64).prop_map(Does::Waits),
        1 => Just(Does::Fails),
        1 => Just(Does::Panics),
        2 => Just(Does::Publishes),
        1 => Just(Does::Executes),
        2 => ends().prop_map(|then| Does::Opens { then }),
        1 => Just(Does::Closes),
    ]
}
fn ends() -> impl Strategy<Value = Ends> {
    prop_oneof![Just(Ends::Dropped), Just(Ends::Closed), Just(Ends::Detached)]
}
pub(crate) fn step() -> impl Strategy<Value = Step> {
    let handlers = prop::collection::vec((-2..3_i8, does()), 0..3);
    prop_oneof![
        4 => (any::<prop::sample::Index>(), handlers, any::<bool>())
            .prop_map(|(i, handlers, answers)| Step::Open { inside: i.index(16), handlers, answers }),
        2 => (0..16_usize, -2..3_i8, does())
            .prop_map(|(on, priority, does)| Step::Register { on, priority, does }),
        1 => (0..16_usize).prop_map(Step::Unregister),
        6 => (0..16_usize).prop_map(Step::Publish),
        2 => (0..16_usize).prop_map(Step::Execute),
        3 => (0..16_usize, ends()).prop_map(|(which, how)| Step::End(which, how)),
        2 => (0..60_u64).prop_map(Step::Pause),
    ]
}
