//! The types of a stream share its lanes, or are refused.

use bus::{Bus, Context, Res, WiringProblem, event, handler};

use super::{Log, bus, ms};

/// Two types of one stream, and one that has nothing to do with it.
#[event(stream = "tests.accounts", key = "account")]
struct Opened {
    account: u64,
}
#[event(stream = "tests.accounts", key = "0")]
struct Charged(u64, u64);
#[event]
struct Rang;

#[handler(manual)]
async fn opened(event: &Opened, cx: &Context, log: &Res<Log>) {
    cx.sleep(ms(50)).await;
    log.say(format!("{}: opened", event.account));
}
#[handler(manual)]
async fn charged(event: &Charged, cx: &Context, log: &Res<Log>) {
    cx.sleep(ms(20)).await;
    log.say(format!("{}: charged {}", event.0, event.1));
}
#[handler(manual)]
fn note(event: &Charged, log: &Res<Log>) {
    log.say(format!("{}: note {}", event.0, event.1));
}
#[handler(manual)]
fn rang(_: &Rang, log: &Res<Log>) {
    log.say("rang");
}

#[tokio::test]
async fn the_types_of_a_stream_share_its_lanes() {
    let (bus, log) = bus(|builder| {
        builder.handler::<opened>().handler::<charged>().handler::<note>().handler::<rang>()
    });
    for account in [1, 2] {
        bus.publish(Charged(account, 0)).await.unwrap();
        bus.publish(Rang).await.unwrap();
        bus.publish(Opened { account }).await.unwrap();
        bus.publish(Charged(account, 1)).await.unwrap();
        bus.publish(Charged(account, 2)).await.unwrap();
    }
    bus.run(bus.idle()).await;
    for account in [1, 2] {
        let of_account = ["note 0", "charged 0", "opened", "note 1", "note 2", "charged 1"];
        let mut expected: Vec<_> = of_account.map(|what| format!("{account}: {what}")).into();
        expected.push(format!("{account}: charged 2"));
        assert_eq!(log.of(&format!("{account}:")), expected, "{:?}", log.all());
    }
    assert_eq!(log.of("rang").len(), 2);
}

mod refused {
    use bus::event;

    #[event(stream = "tests.mixed", key = "id")]
    pub(super) struct Large {
        pub(super) id: u64,
    }
    #[event(stream = "tests.mixed", key = "id")]
    pub(super) struct Small {
        pub(super) id: u32,
    }
    #[event(stream = "tests.mixed")]
    pub(super) struct Keyless;
}

#[handler(manual)]
fn large(event: &refused::Large) {
    let _ = event.id;
}
#[handler(manual)]
fn small(event: &refused::Small) {
    let _ = event.id;
}
#[handler(manual)]
fn keyless(_: &refused::Keyless) {}

#[test]
fn types_of_a_stream_whose_keys_never_meet_are_refused() {
    let two = Bus::builder().without_registered().handler::<large>().handler::<small>();
    let refused = two.build().unwrap_err();
    assert_eq!(refused.problems().len(), 1, "keys of two types: {refused}");
    let builder = Bus::builder().without_registered();
    let refused = builder.handler::<large>().handler::<small>().handler::<keyless>().build();
    let refused = refused.unwrap_err();
    let streams = |problem: &WiringProblem| matches!(problem, WiringProblem::StreamKeys { .. });
    assert!(refused.problems().iter().all(streams), "{refused}");
    let texts: Vec<String> = refused.problems().iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 2, "{texts:#?}");
    for part in ["\"tests.mixed\"", "refused::Keyless (", ") has none", "has `id: u32`"] {
        assert!(texts.iter().any(|text| text.contains(part)), "no {part} in {texts:#?}");
    }
}
