//! Pins what the compiler says to every mistake, and that every accepted form is accepted.
//! `ui-tests/README.md` says how to run one case and how to bless.
//!
//! They are two tests because cases that must not compile are all given to one cargo, which has work
//! for every core, if none among them must run.

#[test]
fn mistakes_are_told() {
    trybuild::TestCases::new().compile_fail("fail/*/*.rs");
}

#[test]
fn what_is_accepted_runs() {
    trybuild::TestCases::new().pass("pass/*.rs");
}
