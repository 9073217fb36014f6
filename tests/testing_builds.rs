//! The test kit: what a bus, a context or a fault is told is so, or is refused.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bus::Resilience;
use bus::prelude::*;
use bus::testing::{Fault, Faulty, TestBus};

const SECOND: Duration = Duration::from_secs(1);

#[event]
struct Saved;
#[handler(retry(max_retries = 3))]
fn save(_: &Saved, faulty: &Res<Faulty>) -> bus::Result<()> {
    faulty.check()?;
    Ok(())
}

#[command(retry(max_retries = 3))]
struct Save;
#[handler]
fn saves(_: &Save, faulty: &Res<Faulty>) -> bus::Result<()> {
    faulty.check()?;
    Ok(())
}

#[command(error = Fault, retry(max_retries = 3))]
struct SaveAlone;
#[handler]
fn saves_alone(_: &SaveAlone, faulty: &Res<Faulty>) -> Result<(), Fault> {
    faulty.check()
}

/// What it panics with.
fn fails(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("it should fail");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_fault_that_is_permanent_is_so_in_any_error() {
    let faulty = Faulty::new("the disk");
    let builder = TestBus::builder().only("testing_builds").provide(faulty.clone());
    let bus = builder.resilient(Resilience::default()).build().unwrap();
    faulty.fail_always();
    faulty.permanently(true);
    bus.publish(Saved).await.unwrap();
    bus.settle().await;
    bus.advance(60 * SECOND).await;
    assert_eq!(faulty.calls(), 1, "it was tried again");
    bus.run(bus.execute(Save)).await.unwrap_err();
    assert_eq!(faulty.calls(), 2, "it was tried again");
    bus.run(bus.execute(SaveAlone)).await.unwrap_err();
    assert_eq!(faulty.calls(), 3);
    faulty.permanently(false);
    bus.run(bus.execute(Save)).await.unwrap_err();
    assert_eq!(faulty.calls(), 7);
}
