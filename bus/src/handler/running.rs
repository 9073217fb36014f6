//! The future of a handler that runs, in a place that is used again.
//!
//! A future that was polled cannot move, so it lives on the heap. Its place is kept when it is done,
//! for the next call of the same handler on this thread: a handler that is ready at once allocates
//! nothing.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::future::Future;
use std::hash::{BuildHasher, BuildHasherDefault};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{self, Poll};

use pin_project_lite::pin_project;

use crate::registry::type_map::TypeIdHasher;

/// How many places a thread keeps, at most one for a handler: enough for what is busy at a time.
const KEPT: usize = 32;
/// A larger future is not kept, so that a thread keeps little.
const LARGE: usize = 4096;

/// A handler's future. Dropping it drops that future, at once.
pub struct Running<T> {
    place: Option<Pin<Box<dyn Place>>>,
    answer: PhantomData<fn() -> T>,
}

/// A place for a future whose type only the place knows.
trait Place: Send {
    /// `future`: an `Option` of such a future, which is taken.
    fn fill(self: Pin<&mut Self>, future: &mut dyn Any);
    /// `answer`: an `Option` of what the future gives, which is set.
    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>, answer: &mut dyn Any) -> Poll<()>;
    /// Drops the future. Says for which futures the place may be kept, if it may.
    fn clear(self: Pin<&mut Self>) -> Option<TypeId>;
}

pin_project! {
    struct Cell<F> {
        #[pin]
        future: Option<F>,
    }
}

impl<F> Place for Cell<F>
where
    F: Future<Output: 'static> + Send + 'static,
{
    fn fill(self: Pin<&mut Self>, future: &mut dyn Any) {
        match future.downcast_mut::<Option<F>>() {
            Some(future) => self.project().future.set(future.take()),
            None => unreachable!("a place is found by the type that it holds"),
        }
    }

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>, answer: &mut dyn Any) -> Poll<()> {
        let (Some(future), Some(answer)) =
            (self.project().future.as_pin_mut(), answer.downcast_mut::<Option<F::Output>>())
        else {
            unreachable!("a place is polled while it is filled, for what its future gives")
        };
        *answer = Some(task::ready!(future.poll(task)));
        Poll::Ready(())
    }

    fn clear(self: Pin<&mut Self>) -> Option<TypeId> {
        self.project().future.set(None);
        (size_of::<F>() <= LARGE).then(TypeId::of::<F>)
    }
}

type Places = [Option<(TypeId, Pin<Box<dyn Place>>)>; KEPT];

thread_local! {
    static PLACES: RefCell<Places> = const { RefCell::new([const { None }; KEPT]) };
}

/// Where a thread keeps the place for such futures.
#[inline]
fn index(holds: TypeId) -> usize {
    let hash = BuildHasherDefault::<TypeIdHasher>::default().hash_one(holds);
    // The remainder is below `KEPT`.
    usize::try_from(hash % KEPT as u64).unwrap_or(0)
}

/// Gives a handler's future a place.
pub fn running<F>(future: F) -> Running<F::Output>
where
    F: Future<Output: 'static> + Send + 'static,
{
    let place = match kept(TypeId::of::<F>()) {
        Some(mut place) => {
            place.as_mut().fill(&mut Some(future));
            place
        }
        None => Box::pin(Cell { future: Some(future) }),
    };
    Running { place: Some(place), answer: PhantomData }
}

/// A place for such futures that this thread has kept.
fn kept(holds: TypeId) -> Option<Pin<Box<dyn Place>>> {
    let kept = PLACES
        .try_with(|places| places.borrow_mut()[index(holds)].take_if(|(other, _)| *other == holds));
    kept.ok().flatten().map(|(_, place)| place)
}

/// Keeps an empty place. What is replaced is empty too, and is dropped here. A thread that ends keeps nothing.
fn keep(holds: TypeId, place: Pin<Box<dyn Place>>) {
    let _ = PLACES.try_with(|places| places.borrow_mut()[index(holds)].replace((holds, place)));
}

impl<T: 'static> Future for Running<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<T> {
        let Some(place) = &mut self.place else { return Poll::Pending };
        let mut answer = None::<T>;
        task::ready!(place.as_mut().poll(task, &mut answer));
        match answer {
            Some(answer) => Poll::Ready(answer),
            None => unreachable!("a future that is ready has given its answer"),
        }
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        let Some(mut place) = self.place.take() else { return };
        // A destructor of the user's: if it panics, the place goes with it.
        if let Some(holds) = place.as_mut().clear() {
            keep(holds, place);
        }
    }
}

impl<T> std::fmt::Debug for Running<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Running")
    }
}

#[cfg(test)]
mod tests {
    use super::running;
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn a_place_is_used_again_and_its_future_is_dropped_with_it() {
        let held = Arc::new(());
        let start = |held: Arc<()>, ready: bool| {
            running(async move {
                if !ready {
                    std::future::pending::<()>().await;
                }
                Arc::strong_count(&held)
            })
        };
        let mut task = Context::from_waker(Waker::noop());
        assert_eq!(pin!(start(Arc::clone(&held), true)).poll(&mut task), Poll::Ready(2));
        {
            let mut first = pin!(start(Arc::clone(&held), false));
            let mut second = pin!(start(Arc::clone(&held), true));
            assert!(first.as_mut().poll(&mut task).is_pending());
            assert_eq!(second.as_mut().poll(&mut task), Poll::Ready(3), "each has its own place");
        }
        assert_eq!(Arc::strong_count(&held), 1, "a future that was cut off is dropped at once");
    }
}
