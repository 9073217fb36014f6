//! So many calls of a key at once, and not more.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use async_trait::async_trait;

use crate::pipeline::middleware::{Call, Handled, Middleware, Next};
use crate::probe::Rest;
use crate::resilience::bulkhead::{Bulkhead as Places, Place};
use crate::sync::{Mutex, lock};

/// How a key is made of a call; `None` for one that is not limited.
type KeyOf<K> = Box<dyn Fn(&Call<'_>) -> Option<K> + Send + Sync>;

/// So many calls of a key at once: [`bulkhead_by`].
pub struct Bulkhead<K> {
    /// Of those keys that have a call now.
    busy: Mutex<HashMap<K, Arc<Places>>>,
    key: KeyOf<K>,
    at_once: u32,
    room: usize,
}

/// Lets so many calls of a key run at once: of a tenant, of an account. The others wait in turn, first come
/// first served, up to so many as the [waiting room](Bulkhead::waiting_room) holds; who finds that full is
/// rejected. A call without a key (`None`) is not limited. A key costs memory only while it has a call.
///
/// For all calls of one handler there is `#[handler(concurrency = 8)]`.
///
/// ```standalone_crate
/// use bus::{Bus, command, handler, middleware};
///
/// #[command]
/// struct Report { tenant: u32 }
/// #[handler(middleware = middleware::bulkhead_by(2, |call| Some(call.get::<Report>()?.tenant)))]
/// async fn report(_: &Report) -> bus::Result<()> { Ok(()) }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     Ok(Bus::from_registered()?.execute(Report { tenant: 7 }).await?)
/// }
/// ```
#[must_use]
pub fn bulkhead_by<K: Hash + Eq + Clone + Send + 'static>(
    at_once: u32,
    key: impl Fn(&Call<'_>) -> Option<K> + Send + Sync + 'static,
) -> Bulkhead<K> {
    let room = crate::resilience::bulkhead::WAITING_ROOM;
    Bulkhead { busy: Mutex::default(), key: Box::new(key), at_once: at_once.max(1), room }
}

impl<K> Bulkhead<K> {
    /// How many calls of a key may wait: 1 000 unless it is said. With 0 they are rejected at once.
    #[must_use]
    pub fn waiting_room(mut self, calls: usize) -> Self {
        self.room = calls;
        self
    }
}

/// A call that is inside, or waits to be.
struct Inside<'b, K: Hash + Eq + Clone> {
    bulkhead: &'b Bulkhead<K>,
    key: K,
    /// `None` only in the drop.
    places: Option<Arc<Places>>,
    place: Option<Place>,
}

impl<K: Hash + Eq + Clone> Drop for Inside<'_, K> {
    fn drop(&mut self) {
        let Some(places) = self.places.take() else { return };
        if let Some(place) = self.place.take() {
            places.leave(place);
        }
        let mut busy = lock(&self.bulkhead.busy);
        // The map's, and this one: nobody else has a call. Others come by the map, under its lock.
        let is_last = Arc::strong_count(&places) == 2;
        // Under the lock, else none of two that go at once is the last.
        drop(places);
        let gone = if is_last { busy.remove_entry(&self.key) } else { None };
        drop(busy);
        // A destructor of the user's key, outside of the lock.
        drop(gone);
    }
}

#[async_trait]
impl<K: Hash + Eq + Clone + Send + 'static> Middleware for Bulkhead<K> {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let Some(key) = (self.key)(call) else { return next.run(call).await };
        let places = {
            let make = || Arc::new(Places::new(self.at_once, self.room));
            Arc::clone(lock(&self.busy).entry(key.clone()).or_insert_with(make))
        };
        let place = places.enter();
        let mut inside = Inside { bulkhead: self, key, place, places: Some(places) };
        if let (None, Some(places)) = (&inside.place, &inside.places) {
            let Some(seat) = places.wait() else {
                let Self { at_once, room, .. } = self;
                let why = format!("{at_once} calls of its key run and {room} wait, the limits");
                return call.reject(why);
            };
            let rest = Rest::begin();
            inside.place = places.place().await.map(Places::take);
            drop((rest, seat));
        }
        let handled = next.run(call).await;
        drop(inside);
        handled
    }

    fn name(&self) -> Cow<'static, str> {
        "bulkhead".into()
    }
}

impl<K> fmt::Debug for Bulkhead<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bulkhead({} at once, {} wait)", self.at_once, self.room)
    }
}
