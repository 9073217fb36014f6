//! A priority group: handlers that run concurrently in one task.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

/// Polls each once, in turn, and drives on what is pending, until all are done.
///
/// A future that was polled cannot move. So one cell is filled with one after the other for as long
/// as they are ready at once, which costs nothing; the first that is pending stays in it, and those
/// after it get cells on the heap.
pub(crate) async fn all<F: Future<Output = ()>>(mut waiting: impl Iterator<Item = F>) {
    let mut here = pin!(None);
    let mut elsewhere: Vec<Cell<F>> = Vec::new();
    poll_fn(|task| {
        poll(here.as_mut(), task);
        elsewhere.retain_mut(|cell| !poll(cell.as_mut(), task));
        while here.is_none()
            && let Some(next) = waiting.next()
        {
            here.set(Some(next));
            poll(here.as_mut(), task);
        }
        let mut spare: Option<Cell<F>> = None;
        for next in &mut waiting {
            let mut cell = spare.take().unwrap_or_else(|| Box::pin(None));
            cell.set(Some(next));
            if poll(cell.as_mut(), task) {
                spare = Some(cell);
            } else {
                elsewhere.push(cell);
            }
        }
        if here.is_none() && elsewhere.is_empty() { Poll::Ready(()) } else { Poll::Pending }
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
    use super::all;
    use std::sync::Mutex;
    use std::task::Poll;

    #[tokio::test]
    async fn all_are_started_before_any_is_driven_on() {
        let log = Mutex::new(Vec::new());
        let handler = |name: &'static str, polls: u32| {
            let (log, mut left) = (&log, polls);
            std::future::poll_fn(move |task| {
                log.lock().unwrap().push(name);
                if left == 0 {
                    return Poll::Ready(());
                }
                left -= 1;
                task.waker().wake_by_ref();
                Poll::Pending
            })
        };
        let some = [handler("a", 0), handler("b", 1), handler("c", 0), handler("d", 2)];
        all(some.into_iter()).await;
        assert_eq!(*log.lock().unwrap(), ["a", "b", "c", "d", "b", "d", "d"]);
    }
}
