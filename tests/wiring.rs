//! What is found, and what is refused, when a bus is built.

use std::time::Duration;

use bus::{Bus, Context, Res, WeakBus, WiringProblem, command, event, handler, resource};

/// Nothing wrong here.
mod right {
    use super::*;

    #[command]
    pub(crate) struct Go;
    #[handler(name = "goer", timeout = "250ms")]
    pub(crate) async fn go(_: Go, bus: &Res<Late>) -> bus::Result<()> {
        assert!(bus.0.upgrade().is_some(), "a resource's weak bus was never set");
        Ok(())
    }
    pub(crate) struct Late(WeakBus, pub(crate) usize);
    #[resource]
    fn late(bus: WeakBus, base: &Res<Base>) -> Result<Late, std::fmt::Error> {
        assert!(bus.upgrade().is_none(), "the bus is not there yet");
        Ok(Late(bus, base.0 + 1))
    }
    pub(crate) struct Base(usize);
    #[resource]
    fn base() -> Base {
        Base(1)
    }
    #[event]
    pub(crate) struct Went;
    #[handler(priority = -3)]
    pub(crate) async fn went(_: &Went) {}
}

/// Everything wrong here, registered by hand.
mod wrong {
    use super::*;

    #[command]
    pub(crate) struct Twice;
    #[handler(manual)]
    pub(crate) async fn one(_: Twice) -> bus::Result<()> {
        Ok(())
    }
    #[handler(manual)]
    pub(crate) async fn two(_: Twice) -> bus::Result<()> {
        Ok(())
    }
    #[command]
    pub(crate) struct Needs;
    pub(crate) struct Missing;
    #[handler(manual)]
    pub(crate) async fn needs(_: Needs, _: &Res<Missing>) -> bus::Result<()> {
        Ok(())
    }
}

fn problems(builder: bus::Builder) -> Vec<String> {
    let error = builder.build().expect_err("it is wired wrong");
    error.problems().iter().map(ToString::to_string).collect()
}

#[test]
fn all_problems_come_at_once_sorted_with_their_places() {
    use wrong::{needs, one, two};
    let builder = Bus::builder().without_registered();
    let builder = builder.handler::<two>().handler::<one>().handler::<needs>();
    let builder = builder.event_queue_size(0);
    let builder = builder.configure::<right::go>(|go| go.priority(3));
    let found = problems(builder.event_timeout(Duration::ZERO));
    let starts = [
        "`configure` names the handler `goer` at tests/wiring.rs:",
        "`event_queue_size` is 0, and must be at least 1",
        "`event_timeout` is 0 s, and must be longer than that, or `None`",
        "command wiring::wrong::Twice has two handlers: `one` at tests/wiring.rs:",
        "handler `needs` at tests/wiring.rs:",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (problem, start) in found.iter().zip(starts) {
        assert!(problem.starts_with(start), "{problem}\n  does not start with\n{start}");
    }
    assert!(found[4].contains("wiring::wrong::Missing"), "{}", found[4]);
}

#[tokio::test]
async fn resources_are_made_after_those_they_take() {
    let bus = Bus::builder().only("wiring::right").build().unwrap();
    assert_eq!(
        bus.resource::<right::Late>().map(|late| late.1).ok(),
        Some(2),
        "made of another base"
    );
    bus.execute(right::Go).await.unwrap();
}

#[test]
fn a_provided_value_replaces_the_function() {
    struct Plain;
    let bus =
        Bus::builder().only("wiring::right").provide(Plain).provide(right_base(0)).build().unwrap();
    assert!(bus.resource::<Plain>().is_ok());
    fn right_base(_: usize) -> u128 {
        7
    }
    assert_eq!(bus.resource::<u128>().map(|n| *n).ok(), Some(7));
}

#[test]
fn a_command_without_a_handler_is_a_warning_and_strict_makes_it_an_error() {
    let bus = Bus::builder().only("wiring::right").build().unwrap();
    let warnings = bus.wiring().warnings().join("\n");
    assert!(warnings.contains("wiring::wrong::Needs (tests/wiring.rs:"), "{warnings}");
    let strict = Bus::builder().only("wiring::right").strict().build().unwrap_err();
    assert!(
        strict.problems().iter().any(|p| matches!(p, WiringProblem::NoHandler { .. })),
        "{strict}"
    );
}

#[test]
fn the_report_lists_what_was_found() {
    let bus =
        Bus::builder().only("wiring::right").configure::<right::went>(|h| h.priority(9)).build();
    let text = bus.unwrap().wiring().to_string();
    assert!(
        text.contains("command wiring::right::Go\n     0  `goer` at tests/wiring.rs:"),
        "{text}"
    );
    assert!(
        text.contains("event wiring::right::Went\n     9  `went` at tests/wiring.rs:"),
        "{text}"
    );
}

#[test]
fn modules_are_named_whole() {
    let wrong = Bus::builder().only("wiring::right").only("wiring::rig").build().unwrap_err();
    let problem = wrong.problems()[0].to_string();
    assert!(
        problem.starts_with(
            "`only` names the module `wiring::rig`, in which no handler, message or resource is linked; \
             there is something in wiring::right, wiring"
        ),
        "{problem}"
    );
    assert!(wrong.problems().len() == 1, "{wrong}");
    // Where what is linked is left out, it names nothing.
    assert!(Bus::builder().only("wiring::rig").without_registered().build().is_ok());
    let _: fn(&Context) -> bus::MessageId = Context::id;
}
