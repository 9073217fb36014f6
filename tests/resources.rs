//! `#[resource]` functions that cannot do their work.

use bus::{Bus, Res, resource};

mod cycle {
    use super::*;
    pub(crate) struct A;
    pub(crate) struct B;
    #[resource]
    fn a(_: &Res<B>) -> A {
        A
    }
    #[resource]
    fn b(_: &Res<A>) -> B {
        B
    }
}

struct Failing;
#[resource]
fn failing() -> Result<Failing, std::num::ParseIntError> {
    "x".parse::<u8>().map(|_| Failing)
}
struct AfterFailing;
#[resource]
fn after_failing(_: &Res<Failing>) -> AfterFailing {
    AfterFailing
}
struct Panicking;
#[resource]
fn panicking() -> Panicking {
    panic!("no file")
}
struct Nobody;
struct Needy;
#[resource]
fn needy(_: Res<Nobody>) -> Needy {
    Needy
}
struct Double;
#[resource]
fn double_one() -> Double {
    Double
}
#[resource]
fn double_two() -> Double {
    Double
}

#[test]
fn each_is_reported_with_its_place() {
    let error = Bus::from_registered().unwrap_err();
    let text = error.to_string();
    for expected in [
        "resource `a` at tests/resources.rs:",
        "need each other",
        "resource `failing` at tests/resources.rs:",
        "invalid digit found in string",
        "it panicked: no file",
        "takes a `resources::Nobody` that was not provided",
        "`resources::Double` is provided twice: by resource `double_one` at",
    ] {
        assert!(text.contains(expected), "no {expected:?} in\n{text}");
    }
    assert!(
        !text.contains("after_failing"),
        "what waits for a failed one has no problem of its own:\n{text}"
    );
    assert_eq!(error.problems().len(), 5, "{text}");
}

#[test]
fn what_is_provided_by_hand_is_not_made() {
    let builder =
        Bus::builder().provide(Failing).provide(Panicking).provide(Nobody).provide(Double);
    let bus = builder.provide(cycle::A).build().unwrap();
    assert!(bus.resource::<Needy>().is_ok() && bus.resource::<cycle::B>().is_ok());
    assert!(bus.resource::<AfterFailing>().is_ok());
}
