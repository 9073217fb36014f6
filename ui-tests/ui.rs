//! Pins what the compiler says to every mistake, and that every accepted form is accepted.
//! `ui-tests/README.md` says how to run one case and how to bless.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui-tests/pass/*.rs");
    cases.compile_fail("ui-tests/fail/*/*.rs");
}
