//! Two messages of one name, which no bus of this binary can have.

use bus::{Bus, WiringProblem};

#[bus::event(name = "wire.same")]
struct One;
mod other {
    #[bus::command(name = "wire.same")]
    pub(crate) struct Other;
}

#[test]
fn two_messages_of_one_name_are_refused_with_both_places() {
    let _ = (One, other::Other);
    let error = Bus::from_registered().unwrap_err();
    let [WiringProblem::SameName { name: "wire.same", first, second }] = error.problems() else {
        panic!("not that one problem: {error}")
    };
    assert_eq!((first.0, second.0), (file!(), file!()));
    assert!(first.1 < second.1, "not sorted: {error}");
    assert!(error.to_string().contains("give one another name: `name = \"..\"`"), "{error}");
}
