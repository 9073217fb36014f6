//! Driving what takes time: the clock goes on whenever nothing else can.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use super::TestBus;
use super::driven::{driven, must_not_be_driven};
use super::settle::HELD;
use super::watchdog::TooLong;
use crate::probe;

/// Waits until this task is woken, by whatever it is that its future waits for, or as somebody waits for the clock.
/// `false`: it is too late.
async fn woken(mut added: Pin<&mut impl Future>, mut too_long: Pin<&mut TooLong>) -> bool {
    let mut is_first = true;
    poll_fn(|task| {
        if too_long.as_mut().poll(task).is_ready() {
            return Poll::Ready(false);
        }
        let is_added = added.as_mut().poll(task).is_ready();
        if is_added || !std::mem::take(&mut is_first) { Poll::Ready(true) } else { Poll::Pending }
    })
    .await
}

impl TestBus {
    /// Drives a future, and moves the clock to what is due next whenever the bus can go on in no other way: for a
    /// command that takes its time. `bus.run(bus.execute(Slow)).await`. Where nothing is due, it is waited for what is real:
    /// a thread, a file, a task.
    ///
    /// # Panics
    /// As [`settle`](Self::settle); and when it takes longer than the limit as a whole, in real time, as something does that
    /// recurs for ever, or that nothing wakes. All but the first with what happened.
    #[track_caller]
    pub fn run<F: IntoFuture>(&self, future: F) -> impl Future<Output = F::Output> {
        let (caller, future) = (Location::caller(), future.into_future());
        async move {
            let ready = self.drive(future, None, caller).await;
            ready.unwrap_or_else(|| {
                let (limit, happened) = (self.limit, self.what_happened());
                panic!(
                    "nothing is due, and the future is not ready after {limit:?} of real time\nat {caller}\n{happened}"
                )
            })
        }
    }

    /// As [`run`](Self::run), for so much time of the bus's clock at most. `None`: the future was not ready by then; it is
    /// dropped, and the clock stands there. What is ready at that very time is ready.
    ///
    /// ```standalone_crate
    /// use bus::prelude::*;
    /// use bus::testing::TestBus;
    /// use std::time::Duration;
    ///
    /// #[event]
    /// struct Rang;
    ///
    /// #[tokio::main(flavor = "current_thread")]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let (bus, minute) = (TestBus::from_registered()?, Duration::from_secs(60));
    ///     bus.publish(Rang).after(3 * minute).await?;
    ///     assert!(bus.run_for(minute, bus.wait_for::<Rang>(|_| true)).await.is_none());
    ///     assert!(bus.run_for(2 * minute, bus.wait_for::<Rang>(|_| true)).await.is_some());
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Panics
    /// As [`settle`](Self::settle); at once when there is no such time, as after [`Duration::MAX`]; and when it takes
    /// longer than the limit as a whole, in real time.
    #[track_caller]
    pub fn run_for<F: IntoFuture>(
        &self,
        time: Duration,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> {
        let (caller, future) = (Location::caller(), future.into_future());
        // Here, where the panic names the caller.
        let _ = self.clock.after(time);
        async move {
            let end = self.clock.after(time);
            self.drive(future, Some(end), caller).await
        }
    }

    /// `None`: it is the end; or there is none, and nothing was due until the limit was over.
    async fn drive<F: Future>(
        &self,
        future: F,
        end: Option<Instant>,
        caller: &'static Location<'static>,
    ) -> Option<F::Output> {
        must_not_be_driven(&self.tracker, Some(caller));
        // Counted as a task of the bus: it is runnable when it is woken, wherever that is.
        let future = pin!(probe::task(self.core(), future));
        let mut future = pin!(driven(&self.tracker, caller, future));
        let (mut too_long, began) = (pin!(TooLong::after(self.limit)), Instant::now());
        let mut has_moved = false;
        loop {
            let first = {
                let mut settled = pin!(self.settle_before(too_long.as_mut()));
                // First: what has yielded has been woken by now, and is not polled again.
                poll_fn(|task| match settled.as_mut().poll(task) {
                    Poll::Ready(settled) => Poll::Ready(Err(settled)),
                    Poll::Pending => future.as_mut().poll(task).map(Ok),
                })
                .await
            };
            match first {
                Ok(output) => return Some(output),
                // Time was over while it settled: that says nothing of what was settled before.
                Err(Err(hangs)) if has_moved => {
                    let goes_on = fmt::from_fn(|f| hangs.goes_on(f, HELD));
                    self.takes_too_long(caller, format_args!("{goes_on}"))
                }
                Err(Err(hangs)) => panic!("{hangs}\nat {caller}"),
                Err(Ok(())) => {}
            }
            // First: what comes to be due from now on is told.
            let added = self.clock.added();
            let due = self.clock.next_due().filter(|due| end.is_none_or(|end| *due <= end));
            match due {
                Some(due) if began.elapsed() < self.limit => {
                    self.clock.move_to(due);
                    has_moved = true;
                }
                Some(_) => self.takes_too_long(caller, format_args!("")),
                None => match end {
                    Some(end) => {
                        self.clock.move_to(end);
                        return None;
                    }
                    // It has been woken since, and is looked at first.
                    None if !self.is_settled() => {}
                    None if woken(pin!(added), too_long.as_mut()).await => {}
                    None => return None,
                },
            }
        }
    }

    fn takes_too_long(&self, caller: &Location<'_>, goes_on: fmt::Arguments<'_>) -> ! {
        panic!(
            "the future is not ready after {:?} of real time, though the clock of the bus moves on{goes_on}\n\
             at {caller}\n{}",
            self.limit,
            self.tree_so_far()
        )
    }
}
