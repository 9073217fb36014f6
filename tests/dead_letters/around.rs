//! Middleware around a handler whose messages are kept.

use bus::prelude::*;
use bus::{Call, Handled, Next, middleware};

use super::{Paid, Pay, Permanent, Transient, Well, World, all, bus, only};

/// Whatever the handler says.
#[middleware(manual)]
async fn forgives(call: &mut Call<'_>, next: Next) -> Handled {
    let _ = next.run(call).await;
    if call.get::<Pay>().is_some() { call.reply::<Pay>(Ok(())) } else { call.skip() }
}
#[middleware(manual)]
async fn never_content(call: &mut Call<'_>, next: Next) -> Handled {
    let _ = next.run(call).await;
    call.reject("not like that")
}

#[tokio::test]
async fn what_stands_around_has_the_last_word() {
    // An error that it turns away is none.
    let (bus, world) = self::bus(|builder| all(builder).middleware(forgives {}));
    world.will([Transient; 4]);
    bus.run(bus.execute(Pay(1))).await.unwrap();
    assert!(bus.run(bus.publish(Paid(1)).and_wait()).await.unwrap().is_ok());
    assert!(bus.dead_letters().is_empty());
    // What it turns away itself is not the handler's failure: nothing is kept, ..
    let (bus, world) = self::bus(|builder| all(builder).middleware(never_content {}));
    let error = bus.execute(Pay(1)).await.unwrap_err();
    assert!(error.dead_letter().is_none(), "{error}");
    assert!(!bus.publish(Paid(1)).and_wait().await.unwrap().is_ok());
    assert!(bus.dead_letters().is_empty());
    // .. also if it took the handler two attempts to do well.
    world.will([Transient, Well, Transient, Well]);
    let error = bus.run(bus.execute(Pay(1))).await.unwrap_err();
    assert!(error.dead_letter().is_none(), "{error}");
    assert!(!bus.run(bus.publish(Paid(1)).and_wait()).await.unwrap().is_ok());
    assert!(bus.dead_letters().is_empty(), "{:?}", bus.dead_letters().list());
    // A letter goes through it again, and stays if it is turned away.
    let (bus, world) = self::bus(|builder| all(builder).middleware(is_moody {}));
    world.will([Permanent]);
    bus.execute(Pay(1)).await.unwrap_err();
    let letter = only(&bus);
    world.take();
    world.say("moody");
    let error = bus.dead_letters().retry(letter.id).await.unwrap_err().to_string();
    assert!(error.contains("not in that mood"), "{error}");
    assert_eq!(only(&bus).attempts, 1, "the handler was not called");
    world.take();
    bus.dead_letters().retry(letter.id).await.unwrap();
}

#[middleware(manual)]
async fn is_moody(call: &mut Call<'_>, next: Next, world: &Res<World>) -> Handled {
    if world.log.lock().unwrap().iter().any(|line| line == "moody") {
        return call.reject("not in that mood");
    }
    next.run(call).await
}
