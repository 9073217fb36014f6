//! What is told of letters: who hears of them, and of those that are evicted.

use bus::prelude::*;
use bus::{DeadLetteredEvent, DropReason, EventHandlerFailedEvent, EventsDroppedEvent};

use super::{MS, Paid, Pay, Permanent, Transient, World, all, bus, only};

#[event]
struct Told;
#[handler(manual)]
async fn hears_losses(lost: &EventsDroppedEvent, world: &Res<World>) {
    world.say(format!("{} of {}: {:?}", lost.count, lost.event, lost.reason));
}
#[handler(manual)]
async fn hears_letters(letter: &DeadLetteredEvent, world: &Res<World>) {
    world.say(format!("{} {} {}", letter.message, letter.handler.name, letter.cause));
}

#[tokio::test]
async fn what_is_evicted_is_reported() {
    let (bus, world) = bus(|builder| all(builder).handler::<hears_losses>().dead_letters(3));
    world.will([Permanent; 5]);
    for n in 0..5 {
        bus.execute(Pay(n)).await.unwrap_err();
    }
    let kept = bus.dead_letters().list();
    let kept: Vec<_> = kept.iter().filter_map(|l| Some(l.message::<Pay>()?.0)).collect();
    assert_eq!(kept, [2, 3, 4]);
    bus.advance(2_000 * MS).await;
    let told = world.take();
    let lost: Vec<_> = told.iter().filter(|line| line.contains("DeadLetterEvicted")).collect();
    let one = format!("1 of dead_letters::Pay: {:?}", DropReason::DeadLetterEvicted);
    assert_eq!(lost, [&one, &one], "{told:?}");
    let stats = bus.dead_letters().stats();
    assert_eq!((stats.buried, stats.present, stats.evicted), (5, 3, 2));
    assert_eq!((bus.stats().dead_letters, bus.dead_letters().clear()), (3, 3));
}

#[handler(manual, retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
async fn fails_for_letters(letter: &DeadLetteredEvent, world: &Res<World>) -> bus::Result<()> {
    world.say(format!("told of {}", letter.message));
    Err(bus::Error::msg("no paper"))
}
#[handler(manual, retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
async fn fails_for_failures(
    failed: &EventHandlerFailedEvent,
    cx: &Context,
    world: &Res<World>,
) -> bus::Result<()> {
    world.say(format!("told of {} as {}", failed.handler, cx.attempt()));
    cx.publish(Told).await.map_err(bus::Error::msg)?;
    cx.execute(Pay(0)).await.map_err(bus::Error::msg)?;
    Ok(())
}
#[handler(manual, retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
async fn fails_when_told(_: &Told) -> bus::Result<()> {
    Err(bus::Error::permanent(bus::Error::msg("no ears")))
}

#[tokio::test]
async fn a_letter_is_announced_once_and_never_feeds_itself() {
    let (bus, world) = bus(|b| all(b).handler::<hears_letters>().handler::<fails_for_letters>());
    world.will([Permanent, Transient, Transient]);
    bus.execute(Pay(1)).await.unwrap_err();
    bus.advance(1_000 * MS).await;
    let told = world.take();
    let mut told: Vec<_> = told.iter().filter(|line| !line.starts_with("pay")).collect();
    told.sort_unstable();
    let of = "told of dead_letters::Pay";
    assert_eq!(told, ["dead_letters::Pay pay failed (permanent)", of, of], "{told:?}");
    // Not when a retry fails; and the handler that has failed for it is no letter.
    bus.run(bus.dead_letters().retry(only(&bus).id)).await.unwrap_err();
    bus.advance(1_000 * MS).await;
    assert!(world.take().iter().all(|line| line.starts_with("pay")));
    assert_eq!(only(&bus).attempts, 3);
    assert_eq!(bus.dead_letters().stats().buried, 1);

    // What the handler of a lifecycle event does is kept, and announced to nobody.
    let (bus, world) = self::bus(|builder| {
        let builder = all(builder).handler::<fails_for_failures>().handler::<fails_when_told>();
        builder.handler::<hears_letters>()
    });
    world.will([Permanent, Permanent, Permanent]);
    bus.publish(Paid(1)).await.unwrap();
    bus.advance(5_000 * MS).await;
    let told = world.take();
    let letters: Vec<_> = told.iter().filter(|line| line.starts_with("dead_letters::")).collect();
    assert_eq!(letters, ["dead_letters::Paid book failed (permanent)"], "{told:?}");
    let buried: Vec<_> = bus.dead_letters().list().iter().map(|l| l.message).collect();
    assert!(buried.contains(&"dead_letters::told::Told") && buried.contains(&"dead_letters::Pay"));
}

#[tokio::test]
async fn a_handler_may_retry_what_it_is_told_of() {
    let (bus, world) = bus(|builder| all(builder).handler::<retries>());
    world.will([Permanent, Transient, Permanent]);
    bus.publish(Paid(1)).await.unwrap();
    bus.run(bus.idle()).await;
    assert_eq!(world.take().iter().filter(|line| line.starts_with("retries")).count(), 1);
    assert_eq!(only(&bus).attempts, 3);
    bus.dead_letters().retry(only(&bus).id).await.unwrap();
}
#[handler(manual)]
async fn retries(letter: &DeadLetteredEvent, bus: Bus, world: &Res<World>) {
    world.say("retries");
    bus.dead_letters().retry(letter.id).await.unwrap_err();
}
