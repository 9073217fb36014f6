//! Priority groups: handlers that run concurrently in one task, group after group.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

/// How many of the handlers that have begun do not hold up the groups after theirs.
#[derive(Debug, Default)]
pub(crate) struct Aside(AtomicUsize);

/// A handler that has stepped aside, until it ends.
pub(crate) struct SteppedAside<'a>(&'a Aside);

impl Aside {
    pub(crate) fn step(&self) -> SteppedAside<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        SteppedAside(self)
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for SteppedAside<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs the groups one after the other: the next begins when all of those before have ended, or have
/// stepped aside. `go_on` is asked before each. `begin` makes the future of one, unless it is done at once.
///
/// Each of a group is polled once, in turn; what is pending is driven on. A future that was polled cannot
/// move. So one cell is filled with one after the other for as long as they are ready at once, which costs
/// nothing; the first that is pending stays in it, and those after it get cells on the heap.
pub(crate) async fn in_turn<T, G: Iterator<Item = T>, F: Future<Output = ()>>(
    mut groups: impl Iterator<Item = G>,
    aside: &Aside,
    mut begin: impl FnMut(T) -> Option<F>,
    mut go_on: impl FnMut() -> bool,
) {
    let mut here = pin!(None);
    let mut elsewhere: Vec<Cell<F>> = Vec::new();
    poll_fn(|task| {
        poll(here.as_mut(), task);
        elsewhere.retain_mut(|cell| !poll(cell.as_mut(), task));
        loop {
            let pending = usize::from(here.is_some()) + elsewhere.len();
            if pending > aside.count() {
                return Poll::Pending;
            }
            let next = if go_on() { groups.next() } else { None };
            let Some(mut waiting) = next else {
                return if pending == 0 { Poll::Ready(()) } else { Poll::Pending };
            };
            while here.is_none()
                && let Some(next) = waiting.next()
            {
                here.set(begin(next));
                poll(here.as_mut(), task);
            }
            let mut spare: Option<Cell<F>> = None;
            for next in waiting.filter_map(&mut begin) {
                let mut cell = spare.take().unwrap_or_else(|| Box::pin(None));
                cell.set(Some(next));
                if poll(cell.as_mut(), task) {
                    spare = Some(cell);
                } else {
                    elsewhere.push(cell);
                }
            }
        }
    })
    .await;
}

/// A place for a future, to be used again.
type Cell<F> = Pin<Box<Option<F>>>;

/// `true`: the cell is empty.
fn poll<F: Future<Output = ()>>(mut cell: Pin<&mut Option<F>>, task: &mut Context<'_>) -> bool {
    let done = cell.as_mut().as_pin_mut().is_none_or(|future| future.poll(task).is_ready());
    if done {
        cell.set(None);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::{Aside, in_turn};
    use std::sync::Mutex;
    use std::task::Poll;

    type Log = Mutex<Vec<&'static str>>;

    /// Pending so often, and says each time that it is polled.
    async fn handler(log: &Log, name: &'static str, polls: u32) {
        let mut left = polls;
        std::future::poll_fn(|task| {
            log.lock().unwrap().push(name);
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            task.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    #[tokio::test]
    async fn all_of_a_group_are_started_before_any_is_driven_on() {
        let log = Log::default();
        let some = [("a", 0), ("b", 1), ("c", 0), ("d", 2)];
        let begin = |(name, polls)| Some(handler(&log, name, polls));
        in_turn([some.into_iter()].into_iter(), &Aside::default(), begin, || true).await;
        assert_eq!(*log.lock().unwrap(), ["a", "b", "c", "d", "b", "d", "d"]);
    }

    #[tokio::test]
    async fn a_group_waits_for_the_one_before_but_for_who_has_stepped_aside() {
        let (log, aside) = (Log::default(), Aside::default());
        let one = async |name: &'static str, polls, steps: bool| {
            let _aside = steps.then(|| aside.step());
            handler(&log, name, polls).await;
        };
        let groups = [[("a", 1, false)], [("b", 3, true)], [("c", 1, false)]];
        let begin = |(name, polls, steps)| Some(one(name, polls, steps));
        in_turn(groups.map(IntoIterator::into_iter).into_iter(), &aside, begin, || true).await;
        assert_eq!(*log.lock().unwrap(), ["a", "a", "b", "c", "b", "c", "b", "b"]);
    }

    #[tokio::test]
    async fn no_group_begins_when_it_shall_not_go_on() {
        let log = Log::default();
        let groups = ["a", "b", "c"].map(|name| [name].into_iter());
        let begin = |name| Some(handler(&log, name, 1));
        let mut groups_left = 2;
        let go_on = || {
            groups_left -= 1;
            groups_left >= 0
        };
        in_turn(groups.into_iter(), &Aside::default(), begin, go_on).await;
        assert_eq!(*log.lock().unwrap(), ["a", "a", "b", "b"]);
    }

    #[tokio::test]
    async fn what_is_done_at_once_is_done_in_its_turn() {
        let log = Log::default();
        let groups = [["a", "b", "c", "d"], ["e", "f", "g", "h"]];
        let begin = |name| {
            if matches!(name, "b" | "d" | "e") {
                log.lock().unwrap().push(name);
                return None;
            }
            Some(handler(&log, name, 1))
        };
        let groups = groups.map(IntoIterator::into_iter);
        in_turn(groups.into_iter(), &Aside::default(), begin, || true).await;
        let all = ["a", "b", "c", "d", "a", "c", "e", "f", "g", "h", "f", "g", "h"];
        assert_eq!(*log.lock().unwrap(), all);
    }
}
