//! Choosing, grouping, exporting.

use super::{Fell, Lift, World, at, info};
use crate::session::SessionId;
use crate::{Cause, CauseKind, ErrorClass, Select};

#[tokio::test(start_paused = true)]
async fn what_is_chosen_is_what_passes_all_questions() {
    let world = World::new(10);
    let fell = world.bury(1);
    let mut timed_out = world.buried_as(Lift, None);
    (timed_out.cause, timed_out.last_attempted) = (Cause::TimedOut, at(9));
    (timed_out.handler, timed_out.session) = (info("lift", 8), Some("job".into()));
    let lift = world.core().dead_letters.bury(world.core(), timed_out);
    let chosen = |select: Select| -> Vec<_> {
        world.letters().filter(select).list().iter().map(|entry| entry.id).collect()
    };
    let all = Select::new;
    assert_eq!(chosen(all()), [fell, lift]);
    assert_eq!(chosen(all().of::<Fell>()), [fell]);
    assert_eq!(chosen(all().message(<Lift as crate::Message>::INFO.name())), [lift]);
    assert_eq!(chosen(all().handler("catch")), [fell]);
    assert_eq!(chosen(all().cause(CauseKind::TimedOut)), [lift]);
    assert_eq!(chosen(all().session("job")), [lift]);
    assert_eq!(chosen(all().session(SessionId::BUS)), [fell]);
    assert_eq!(chosen(all().since(at(9))), [lift]);
    assert_eq!(chosen(all().until(at(9))), [fell]);
    assert_eq!(chosen(all().until(at(9)).of::<Lift>()), []);
    assert_eq!(chosen(all().matching(|entry| entry.is_command())), [lift]);
    let commands = world.letters().filter(|entry: &crate::DeadLetterEntry| entry.is_command());
    assert_eq!((commands.len(), commands.is_empty(), commands.discard()), (1, false, 1));
    assert_eq!((commands.len(), world.ids()), (0, vec![fell]));
}

#[tokio::test(start_paused = true)]
async fn groups_are_sorted_by_size_then_by_what_they_have_in_common() {
    let world = World::new(20);
    let mut ids = Vec::new();
    let panicked = (Cause::Panicked, "oh", 3);
    let permanent = (Cause::Failed(ErrorClass::Permanent), "no", 9);
    for (cause, error, time) in [panicked, permanent, (Cause::TimedOut, "oh", 4), permanent] {
        let mut buried = world.buried_as(Fell(0), None);
        (buried.cause, buried.error, buried.last_attempted) = (cause, error.to_owned(), at(time));
        ids.push(world.core().dead_letters.bury(world.core(), buried));
    }
    let keys = |groups: Vec<crate::DeadLetterGroup>| -> Vec<_> {
        groups.into_iter().map(|group| (group.key, group.count)).collect()
    };
    let key = |key: &str, count| (key.to_owned(), count);
    let by_cause = world.letters().groups_by_cause();
    assert_eq!(by_cause[0].ids, [ids[1], ids[3]]);
    let expected = [key("failed (permanent)", 2), key("panicked", 1), key("timed out", 1)];
    assert_eq!(keys(by_cause), expected);
    assert_eq!(keys(world.letters().groups_by_error()), [key("no", 2), key("oh", 2)]);
    let all = world.letters().groups_by_message().remove(0);
    assert_eq!((all.count, all.first, all.last), (4, at(3), at(9)));
    assert_eq!(keys(world.letters().groups_by_handler()).len(), 1);
}

#[cfg(feature = "json")]
#[test]
fn a_letter_is_a_line_of_json() {
    use crate::Principal;
    use crate::pipeline::options::{Head, Headers};

    #[bus_macros::event(crate = crate)]
    #[derive(serde::Serialize)]
    struct Written {
        text: &'static str,
    }
    #[bus_macros::event(crate = crate)]
    struct Refuses;
    impl serde::Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("not this")
        }
    }

    let world = World::new(10);
    let bury = |buried| world.core().dead_letters.bury(world.core(), buried);
    let mut headers = Headers::default();
    headers.set("tenant".into(), "acme".to_owned());
    let written = bury(crate::resilience::dead_letters::Buried {
        head: Some(std::sync::Arc::new(Head { headers, ..Head::default() })),
        principal: Some(Principal::new("ada").with_role("clerk")),
        ..world.buried_as(Written { text: "a\nb" }, None)
    });
    bury(world.buried_as(Fell(1), None));
    bury(world.buried_as(Refuses, None));
    bury(world.buried_as(Lift, None));
    let text = world.letters().to_ndjson();
    assert!(text.ends_with('\n'));
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    let line = &lines[0];
    assert_eq!((&line["id"], &line["kind"]), (&written.to_string().into(), &"event".into()));
    assert_eq!(line["body"], serde_json::json!({ "text": "a\nb" }));
    assert_eq!(line["headers"], serde_json::json!({ "tenant": "acme" }));
    assert_eq!(line["principal"], serde_json::json!({ "id": "ada", "roles": ["clerk"] }));
    assert_eq!((&line["attempts"], &line["handler"]["line"]), (&4.into(), &7.into()));
    assert_eq!(line["cause"], "failed (transient)");
    assert_eq!(line["first_attempted"], "1970-01-01T00:00:01.000Z");
    assert_eq!(line["history"][0]["error"], "broken");
    assert!(line.get("body_error").is_none());
    assert!(lines[1]["body"].is_null());
    let error = |n: usize| lines[n]["body_error"].as_str().unwrap();
    assert!(error(1).ends_with("::Fell is not `serde::Serialize`"), "{}", error(1));
    assert!(error(2).ends_with("panicked: not this"), "{}", error(2));
    assert_eq!(lines[3]["kind"], "command");
    let mut file = Vec::new();
    let some = world.letters().filter(Select::new().of::<Fell>());
    assert_eq!(some.export(&mut file).unwrap(), 1);
    assert_eq!(file.iter().filter(|byte| **byte == b'\n').count(), 1);
    let mut full = std::io::Cursor::new([0_u8; 100]);
    assert!(world.letters().export(&mut full).is_err(), "there is no room for it");
}
