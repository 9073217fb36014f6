//! Parcel lockers: a parcel is put into a free locker, its owner is told, and reminded; after three days it goes
//! back.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use bus::prelude::*;

const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const REMIND_AFTER: Duration = Duration::from_secs(24 * 3600);
pub(crate) const RETURN_AFTER: Duration = Duration::from_secs(3 * 24 * 3600);

#[command(output = u32, error = NoLocker)]
pub(crate) struct Deposit {
    pub(crate) parcel: &'static str,
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("all lockers are taken")]
pub(crate) struct NoLocker;

#[command(output = bool)]
pub(crate) struct Collect {
    pub(crate) parcel: &'static str,
}

/// To the owner. Somebody else's service; the tests answer in its place.
#[command(error = Unreachable)]
pub(crate) struct SendText {
    pub(crate) parcel: &'static str,
    pub(crate) text: &'static str,
}

#[derive(Debug, thiserror::Error)]
#[error("the service is not reachable")]
pub(crate) struct Unreachable;

#[event(key = "parcel")]
pub(crate) struct Deposited {
    pub(crate) parcel: &'static str,
}
#[event(key = "parcel")]
pub(crate) struct Reminded {
    pub(crate) parcel: &'static str,
}
#[event(key = "parcel")]
pub(crate) struct Returned {
    pub(crate) parcel: &'static str,
}
/// Time is over: whether that matters is looked at then.
#[event]
pub(crate) struct Due {
    pub(crate) parcel: &'static str,
    pub(crate) to_be_returned: bool,
}

/// Two lockers, and what is in them.
#[derive(Default)]
pub(crate) struct Lockers(Mutex<BTreeMap<u32, &'static str>>);

#[resource]
fn lockers() -> Lockers {
    Lockers::default()
}

impl Lockers {
    fn put(&self, parcel: &'static str) -> Option<u32> {
        let mut lockers = self.0.lock().unwrap();
        let free = (1..=2).find(|number| !lockers.contains_key(number))?;
        lockers.insert(free, parcel);
        Some(free)
    }

    pub(crate) fn has(&self, parcel: &str) -> bool {
        self.0.lock().unwrap().values().any(|other| *other == parcel)
    }

    fn take(&self, parcel: &str) -> bool {
        let mut lockers = self.0.lock().unwrap();
        let before = lockers.len();
        lockers.retain(|_, other| *other != parcel);
        lockers.len() < before
    }
}

#[handler]
pub(crate) async fn deposit(
    command: &Deposit,
    lockers: &Res<Lockers>,
    emit: Emit<Deposited>,
) -> Result<u32, NoLocker> {
    let number = lockers.put(command.parcel).ok_or(NoLocker)?;
    emit.send(Deposited { parcel: command.parcel });
    Ok(number)
}

#[handler]
async fn collect(command: Collect, lockers: &Res<Lockers>) -> bus::Result<bool> {
    Ok(lockers.take(command.parcel))
}

#[handler]
async fn watch(event: &Deposited, cx: &Context) -> bus::Result<()> {
    let parcel = event.parcel;
    cx.publish(Due { parcel, to_be_returned: false }).after(REMIND_AFTER).await?;
    cx.publish(Due { parcel, to_be_returned: true }).after(RETURN_AFTER).await?;
    Ok(())
}

/// Tried again for as long as the service is away.
#[handler(retry(max_retries = 2, initial_delay = "10s", jitter = none), timeout = "1h")]
async fn tell(event: &Deposited, cx: &Context) -> bus::Result<()> {
    Ok(cx.execute(SendText { parcel: event.parcel, text: "it is here" }).await?)
}

#[handler]
async fn due(event: &Due, lockers: &Res<Lockers>, cx: &Context) -> bus::Result<()> {
    let parcel = event.parcel;
    if event.to_be_returned && lockers.take(parcel) {
        cx.emit(Returned { parcel });
    } else if !event.to_be_returned && lockers.has(parcel) {
        cx.execute(SendText { parcel, text: "it waits" }).await?;
        cx.emit(Reminded { parcel });
    }
    Ok(())
}

#[handler]
async fn send_text(message: &SendText) -> Result<(), Unreachable> {
    println!("to the owner of {}: {}", message.parcel, message.text);
    Ok(())
}

/// The van comes by within the hour, and takes its time.
#[handler(timeout = "2h")]
async fn fetch(_: &Returned, cx: &Context) {
    cx.sleep(HOUR).await;
}
