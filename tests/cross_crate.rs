//! Messages in one crate, handlers in another, a third under other names.

use std::sync::atomic::Ordering;

use bus::Bus;
use crates_messages::{Double, Unanswered};

bus::link!(crates_answers, crates_renamed);
bus::assert_one_handler!(Double, crates_renamed::Direct);

#[tokio::test]
async fn handlers_of_linked_crates_are_found() {
    let bus = Bus::from_registered().unwrap();
    assert_eq!(bus.execute(Double(4)).await.unwrap(), 8);
    assert!(bus.execute(Unanswered).await.is_err());
    bus.shutdown().await;
    let seen = bus.resource::<crates_answers::Seen>().unwrap();
    assert_eq!(seen.0.load(Ordering::SeqCst), 8, "private modules are found too");
}

#[tokio::test]
async fn a_renamed_bus_and_a_facade_are_the_same_bus() {
    let bus = Bus::from_registered().unwrap();
    assert_eq!(bus.execute(crates_renamed::Direct).await.unwrap(), 4);
    bus.publish(crates_renamed::Faced).await.unwrap();
    bus.shutdown().await;
    assert_eq!(bus.stats().processed, 1);
}

#[test]
fn the_report_is_sorted_whatever_the_linker_did() {
    let bus = Bus::from_registered().unwrap();
    let names: Vec<_> = bus.wiring().rows().iter().map(|row| row.message.name()).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(names, sorted);
    assert!(
        names.contains(&"crates_messages::Unanswered"),
        "a declared command without handler is listed"
    );
}
