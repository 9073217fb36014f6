//! The test kit: chains of given, when and then; handlers as plain functions; seeds; the manifest.

use std::collections::BTreeSet;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bus::prelude::*;
use bus::testing::{self, TestBus, TestBusBuilder, expect_exactly};
use bus::{Principal, WeakBus};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
#[error("{0} is too much")]
struct TooMuch(u32);

#[event]
struct Opened(u32);
#[handler]
fn opened(event: &Opened, balance: &Res<AtomicU32>) {
    balance.store(event.0, Ordering::Relaxed);
}

#[command(output = u32, error = TooMuch)]
struct Withdraw(u32);
#[handler]
async fn withdraw(
    command: &Withdraw,
    balance: &Res<AtomicU32>,
    emit: Emit<Withdrawn>,
) -> Result<u32, TooMuch> {
    let left = balance.load(Ordering::Relaxed).checked_sub(command.0);
    let left = left.ok_or(TooMuch(command.0))?;
    balance.store(left, Ordering::Relaxed);
    emit.send(Withdrawn(command.0));
    Ok(left)
}

#[event]
struct Withdrawn(u32);
#[handler]
async fn advise(event: &Withdrawn, cx: &Context) {
    cx.sleep(SECOND).await;
    cx.emit(Advised(event.0));
}
#[event]
struct Advised(u32);

#[command]
struct Audit;
#[handler]
async fn audit(_: Audit, cx: &Context) -> bus::Result<()> {
    cx.sleep(10 * SECOND).await;
    Ok(())
}

fn build() -> TestBus {
    TestBus::builder()
        .only("testing_scenarios")
        .provide(AtomicU32::new(0))
        .provide(Accounts::default())
        .build()
        .unwrap()
}

async fn fails(work: impl Future<Output = ()> + Send + 'static) -> String {
    let error = tokio::spawn(work).await.expect_err("it should fail").into_panic();
    error.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[tokio::test]
async fn given_when_then() {
    let bus = build();
    let left = bus
        .given(Opened(10))
        .executed(Withdraw(1))
        .passed(SECOND)
        .when(Withdraw(4))
        .then()
        .succeeds()
        .gives(|left| *left == 5)
        .expect::<Withdrawn>(|withdrawn| withdrawn.0 == 4)
        .expect_count::<Withdrawn>(1)
        .expect_none::<Advised>()
        .check(|bus, _| expect_exactly!(bus, Withdrawn))
        .await;
    assert_eq!(left, 5);
    let error = bus
        .when(Withdraw(6))
        .then()
        .fails()
        .fails_with(|error| error.0 == 6)
        .expect_none::<Withdrawn>()
        .await;
    assert_eq!(error.handler_error().unwrap().0, 6);
    bus.when(Withdraw(5)).after(2 * SECOND).then().expect::<Advised>(|a| a.0 == 5).await.unwrap();
    bus.when_published(Opened(3)).then().succeeds().expect_count::<Opened>(1).await;
    bus.when(Audit).after(10 * SECOND).then().succeeds().await;
}

/// What it ends with was asked for: there is no `Result` left to be looked at.
#[tokio::test]
#[deny(unused_must_use)]
async fn a_chain_that_says_how_it_ends_leaves_nothing_to_be_used() {
    let bus = build();
    bus.given(Opened(3)).when(Withdraw(1)).then().succeeds().await;
    bus.when(Withdraw(1)).then().gives(|left| *left == 1).expect::<Withdrawn>(|_| true).await;
    bus.when(Withdraw(9)).then().fails().await;
    bus.when(Withdraw(9)).then().fails_with(|error| error.0 == 9).expect_none::<Withdrawn>().await;
    bus.when_published(Opened(3)).then().succeeds().await;
    let error = bus.when(Withdraw(9)).then().check(|_, reply| assert!(reply.is_err())).await;
    assert!(error.is_err());
}

#[tokio::test]
async fn chains_that_fail_say_where_and_what_happened() {
    let text = fails(async {
        build()
            .given(Opened(3))
            .when(Withdraw(2))
            .then()
            .expect::<Advised>(|_| true)
            .await
            .unwrap();
    });
    let text = text.await;
    let start = "expected Advised that fits the condition, and none of 0 does\nat tests/testing_scenarios.rs:";
    assert!(text.starts_with(start), "{text}");
    let tree = "what happened:\n  Withdraw: executed by withdraw\n    Withdrawn: published\n    withdraw succeeded\n";
    assert!(text.contains(tree), "{text}");
    let text = fails(async {
        build().when(Withdraw(2)).then().succeeds().await;
    });
    let text = text.await;
    assert!(
        text.starts_with(
            "expected success, and command testing_scenarios::Withdraw failed: 2 is too much\n"
        ),
        "{text}"
    );
    let text = fails(async {
        build().when(Withdraw(2)).then().fails_with(|error| error.0 == 3).await;
    });
    let text = text.await;
    let start = "the error does not fit the condition: command testing_scenarios::Withdraw failed: 2 is too much\n";
    assert!(text.starts_with(start), "{text}");
    let text = fails(async {
        build().when(Withdraw(2)).then().gives(|_| true).await;
    });
    let text = text.await;
    assert!(text.starts_with("expected an output, and command") && text.contains("failed: 2 is"));
    let text = fails(async {
        build().given_executed(Withdraw(1)).when(Withdraw(2)).await.unwrap();
    });
    let text = text.await;
    let start =
        "what is given is not so: command testing_scenarios::Withdraw failed: 1 is too much\nat";
    assert!(text.starts_with(start), "{text}");
    let text = fails(async {
        build().when(Audit).after(SECOND).then().succeeds().await;
    });
    let text = text.await;
    assert!(
        text.starts_with("it takes time, and is not done: `.after(..)` lets time pass\nat"),
        "{text}"
    );
    assert!(text.contains("audit (tests/testing_scenarios.rs:"), "{text}");
}

#[tokio::test]
async fn handlers_are_functions() {
    let cx = Context::for_test().provide(AtomicU32::new(3));
    let left = withdraw(&Withdraw(2), cx.param(), cx.param()).await.unwrap();
    assert!(left == 1 && cx.emitted::<Withdrawn>()[0].0 == 2);
    assert!(withdraw(&Withdraw(2), cx.param(), cx.param()).await.is_err());
    let cx = Context::for_test()
        .with_header("a", "b")
        .with_principal(Principal::new("ada"))
        .with_attempt(3);
    let cx = cx.with_message::<Withdraw>();
    assert_eq!((cx.header("a"), cx.attempt()), (Some("b"), 3));
    assert_eq!(cx.principal().unwrap().id(), "ada");
    assert!(cx.message().name().ends_with("::Withdraw") && cx.session().is_none());
    assert!(cx.execute(Audit).await.unwrap_err().to_string().contains("no handler"));
    let missing = catch_unwind(AssertUnwindSafe(|| drop(cx.param::<Res<AtomicU32>>())));
    assert!(missing.is_err());
    // On a bus, what the handler executes and publishes goes there, in virtual time.
    let bus = build();
    let cx = Context::for_test().on(&bus);
    bus.run(audit(Audit, &cx)).await.unwrap();
    assert_eq!(bus.clock().elapsed(), 10 * SECOND);
    cx.publish(Opened(7)).await.unwrap();
    bus.settle().await;
    assert_eq!(bus.resource::<AtomicU32>().unwrap().load(Ordering::Relaxed), 7);
    let session = bus.session("desk").open().await.unwrap();
    let cx = Context::for_test().in_session(&session.handle());
    assert_eq!(cx.session_id().as_str(), "desk");
    let _: (Session, Bus, WeakBus) = (cx.param(), cx.param(), cx.param());
}

/// A store that is awaited: who reads and writes without a lock in between loses what others have written.
#[derive(Default)]
struct Accounts(Mutex<u32>);
impl Accounts {
    async fn read(&self) -> u32 {
        tokio::task::yield_now().await;
        *self.0.lock().unwrap()
    }
    async fn write(&self, sum: u32) {
        tokio::task::yield_now().await;
        *self.0.lock().unwrap() = sum;
    }
}

#[event]
struct Paid(u32);
#[handler]
async fn credit(event: &Paid, accounts: &Res<Accounts>) {
    let sum = accounts.read().await;
    accounts.write(sum + event.0).await;
}
/// Pays in too, after it has looked at something else. By itself, it comes later.
#[handler]
async fn bonus(_: &Paid, accounts: &Res<Accounts>) {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
    let sum = accounts.read().await;
    accounts.write(sum + 1).await;
}

async fn pays(builder: TestBusBuilder) -> TestBus {
    let builder = builder.only("testing_scenarios").provide(AtomicU32::new(0));
    let bus = builder.provide(Accounts::default()).build().unwrap();
    bus.publish(Paid(10)).await.unwrap();
    bus.settle().await;
    bus
}

fn sum(bus: &TestBus) -> u32 {
    *bus.resource::<Accounts>().unwrap().0.lock().unwrap()
}

#[tokio::test]
async fn a_race_is_found_and_replayed() {
    assert_eq!(sum(&pays(TestBus::builder()).await), 11, "the race is seldom");
    let explore = || {
        testing::explore(0..100, |builder| async {
            let bus = pays(builder).await;
            assert_eq!(sum(&bus), 11, "money is lost");
        });
    };
    let panic = catch_unwind(explore).expect_err("some seed finds it");
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(
        text.starts_with("the test fails with seed ") && text.contains("money is lost"),
        "{text}"
    );
    let seed: u64 =
        text["the test fails with seed ".len()..].split(':').next().unwrap().parse().unwrap();
    assert!(text.ends_with(&format!("`BUS_TEST_SEED={seed}` replays it")), "{text}");
    let replay = || {
        testing::explore([seed], |builder| async {
            assert_eq!(sum(&pays(builder).await), 11);
        });
    };
    assert!(catch_unwind(replay).is_err(), "the seed does not fail again");
}

#[test]
fn the_same_seed_gives_the_same_record() {
    let trees = || {
        let trees = Mutex::new(Vec::new());
        testing::explore(0..20, |builder| async {
            let bus = pays(builder).await;
            for n in 1..5 {
                bus.publish(Paid(n)).await.unwrap();
                let _ = bus.execute(Withdraw(n)).await;
            }
            bus.advance(SECOND).await;
            let record: Vec<_> = bus.record().iter().map(|entry| format!("{entry:?}")).collect();
            trees.lock().unwrap().push((bus.tree(), record, sum(&bus)));
        });
        trees.into_inner().unwrap()
    };
    let (first, second) = (trees(), trees());
    assert_eq!(first, second);
    let different: BTreeSet<_> = first.iter().map(|(_, record, _)| record).collect();
    assert!(different.len() > 5, "{} orders", different.len());
}

#[test]
fn the_wiring_is_that_of_the_manifest() {
    testing::assert_wiring!(file = "tests/testing.manifest.json");
    if std::env::var_os("BUS_MANIFEST").is_some() {
        return;
    }
    // There was more once.
    let ours = include_str!("testing.manifest.json");
    let more =
        |list: &str, line: &str| format!("\"{list}\": [\n    \"testing_scenarios::{line}\",");
    let then = ours.replace("\"messages\": [", &more("messages", "Gone (command)"));
    let then = then.replace("\"handlers\": [", &more("handlers", "go: Gone"));
    let file = std::env::temp_dir().join("bus-suite.testing_scenarios.more.json");
    std::fs::write(&file, then).unwrap();
    let less = || testing::assert_wiring!(file = file.to_str().unwrap());
    let text = catch_unwind(less).expect_err("some is gone");
    std::fs::remove_file(&file).unwrap();
    let text = text.downcast_ref::<String>().unwrap();
    assert!(text.contains("  - message testing_scenarios::Gone (command)\n"), "{text}");
    assert!(text.contains("  - handler testing_scenarios::go: Gone\n"), "{text}");
    assert!(text.contains("`BUS_MANIFEST=update cargo test` writes"), "{text}");
    let missing = catch_unwind(|| testing::assert_wiring!(file = "tests/no.manifest.json"));
    assert!(missing.unwrap_err().downcast_ref::<String>().unwrap().contains("cannot be read"));
}

/// Runs another test of this program, with a variable set.
fn again(test: &str, variable: &str, value: &str) -> String {
    let program = std::env::current_exe().unwrap();
    let mut command = std::process::Command::new(program);
    command.args(["--exact", test, "--nocapture", "--include-ignored"]).env(variable, value);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "run by the next one"]
fn tells_its_seeds() {
    let seeds = Mutex::new(Vec::new());
    testing::explore(0..3, |builder| async {
        let bus = pays(builder).await;
        seeds.lock().unwrap().push(bus.seed().unwrap());
    });
    println!("the seeds are {:?}", seeds.into_inner().unwrap());
}

#[test]
fn a_seed_is_named_by_the_environment() {
    assert!(again("tells_its_seeds", "OTHER", "7").contains("the seeds are [0, 1, 2]"));
    assert!(again("tells_its_seeds", "BUS_TEST_SEED", "7").contains("the seeds are [7]"));
}

#[test]
#[ignore = "run by the next one"]
fn looks_at_a_manifest_elsewhere() {
    let file = std::env::temp_dir().join("bus-suite.testing_scenarios.manifest.json");
    testing::assert_wiring!(file = file.to_str().unwrap(), within = ["testing_scenarios"]);
}

#[test]
fn a_manifest_is_written_anew_when_that_is_said() {
    let file = std::env::temp_dir().join("bus-suite.testing_scenarios.manifest.json");
    again("looks_at_a_manifest_elsewhere", "BUS_MANIFEST", "update");
    let written = std::fs::read_to_string(&file).unwrap();
    let ours = include_str!("testing.manifest.json");
    assert_eq!(written, ours);
    let json: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!(json["messages"][0], "testing_scenarios::Advised (event)");
    again("looks_at_a_manifest_elsewhere", "OTHER", "");
    std::fs::remove_file(file).unwrap();
}

/// As many as a large suite has.
#[test]
fn a_thousand_tests_take_seconds() {
    let began = std::time::Instant::now();
    for n in 0..1000 {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let bus = build();
            bus.given(Opened(n + 1)).when(Withdraw(1)).then().gives(|left| *left == n).await;
            let _ = bus.publish(Opened(5)).after(10 * SECOND).await.unwrap();
            bus.advance(SECOND).await;
            bus.expect::<Advised>().once();
            bus.expect_none::<Opened>();
            bus.advance(10 * SECOND).await;
            bus.expect::<Opened>().handled_by::<opened>().once();
        });
    }
    println!("1 000 tests in {:?}", began.elapsed());
}
