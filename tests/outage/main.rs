//! An outage, on paused time: a bank that is down for a while under load. Two commands and two handlers of one
//! event need it, and share its circuit breaker; commands have a bulkhead with a waiting room, all have
//! retries within one budget, and a limit for each attempt.
//!
//! What became of everything that was offered is counted by those who offer it and by the bank, and has to
//! agree with what the bus says.
//!
//! ```console
//! $ PROPTEST_CASES=3000 cargo test --release --test outage
//! ```

mod bank;
mod load;
mod sums;

use std::cell::RefCell;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};

use bank::{Trouble, bus};
use load::{Outage, Seen, play};

fn outage() -> impl Strategy<Value = Outage> {
    let trouble = prop_oneof![
        2 => Just(Trouble::Fails),
        2 => Just(Trouble::Hangs),
        1 => Just(Trouble::FailsLate),
        1 => (50..100u8).prop_map(Trouble::Often),
    ];
    let settings = (1..8u32, 0..20usize, 1..4u32, 0..4u32, 1..20u32);
    let load = (5..60u64, 0..6u64, 0..4u64, 0..1_000u64, 100..5_000u64);
    (trouble, settings, load, any::<u64>()).prop_map(|(trouble, settings, load, seed)| {
        let (places, room, max_retries, per_second, failure_threshold) = settings;
        let (every, commands, events, down_after, down_for) = load;
        Outage {
            trouble,
            places,
            room,
            max_retries,
            per_second,
            failure_threshold,
            every,
            commands,
            events,
            down_after,
            down_for,
            seed,
        }
    })
}

fn run(outage: &Outage, seen: &RefCell<Seen>) -> Result<(), String> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let played = tokio::time::timeout(Duration::from_secs(86_400), play(outage)).await;
        sums::check(outage, &played.map_err(|_| "it hangs".to_owned())?, &mut seen.borrow_mut())
    })
}

#[test]
fn whatever_the_outage_all_is_accounted_for() {
    let seen = RefCell::new(Seen::default());
    let seeds = FileFailurePersistence::Direct("tests/outage/regressions.txt");
    let config = Config { failure_persistence: Some(Box::new(seeds)), ..Config::default() };
    let config = Config { cases: config.cases.div_ceil(8), ..config };
    let outcome = TestRunner::new(config)
        .run(&outage(), |outage| run(&outage, &seen).map_err(TestCaseError::fail));
    if let Err(error) = outcome {
        panic!("{error}");
    }
    println!("{}", seen.into_inner());
}

/// An ordinary one, of each kind, with all that is interesting in it.
#[test]
fn an_outage_of_each_kind_takes_its_course() {
    let ordinary = Outage {
        places: 4,
        room: 6,
        max_retries: 2,
        failure_threshold: 5,
        commands: 4,
        events: 2,
        down_after: 1_000,
        down_for: 4_000,
        ..Outage::default()
    };
    for trouble in [Trouble::Fails, Trouble::Hangs, Trouble::FailsLate, Trouble::Often(90)] {
        let seen = RefCell::new(Seen::default());
        let outage = Outage { trouble, ..ordinary.clone() };
        run(&outage, &seen).unwrap();
        let seen = seen.into_inner();
        assert!(seen.circuit_open > 0 && seen.failed > 0 && seen.succeeded > 0, "{seen}");
        assert!(seen.letters > 0 && seen.paused > 0 && seen.budget_was_empty > 0, "{seen}");
        assert!(trouble != Trouble::Hangs || seen.full > 0, "{seen}");
    }
    // So slow that the time is over in the waiting room.
    let seen = RefCell::new(Seen::default());
    let slow = Outage { trouble: Trouble::Hangs, places: 1, room: 20, events: 0, ..ordinary };
    run(&Outage { failure_threshold: 100, ..slow }, &seen).unwrap();
    assert!(seen.borrow().late > 0 && seen.borrow().full > 0, "{}", seen.borrow());
}

/// The same, step by step, of one event: it is burnt at no time.
#[tokio::test(start_paused = true)]
async fn what_comes_while_it_is_open_waits_until_it_is_well() {
    let outage = Outage::default();
    let (bus, bank) = bus(&outage);
    bank.is_down(Some(Trouble::Fails));
    for nr in 0..u64::from(outage.failure_threshold) {
        bus.execute(bank::Charge { nr }).await.unwrap_err();
    }
    let letters = bus.dead_letters().len();
    for nr in 0..100 {
        bus.publish(bank::Posted { nr }).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    // A probe now and then, which is one of them; the others were not called.
    assert_eq!(bus.dead_letters().len() - letters, usize::try_from(bus.stats().failed).unwrap());
    assert!(bus.stats().failed < 100 && bus.stats().processed == 0, "{:?}", bus.stats());
    assert!(bus.stats().queued > 0);
    bank.is_down(None);
    bus.idle().await;
    assert!(bus.dead_letters().retry_all().await.failed.is_empty());
    assert_eq!(bus.stats().processed, 200, "each by both");
}
