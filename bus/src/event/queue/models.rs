//! Models of the queue under all interleavings that loom finds: the hand-over, the wake-ups, the
//! claims and the shutdown, on the code itself.
//!
//! `RUSTFLAGS="--cfg bus_loom" cargo test -p bus --lib --release models`. A wake-up that is lost shows
//! as a deadlock, which loom reports.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use loom::future::block_on;
use loom::sync::Arc as Shared;
use loom::thread;

use super::{
    BackpressureStrategy, Batch, BoundedEventQueue, Crossing, Intake, Parking, Push, QueueConfig,
    Refused, Take, Witness,
};
use crate::clock::{Clock, Sleep};
use crate::envelope::Envelope;
use crate::message::{Message, MessageId};
use crate::metrics::messages::{Messages, Tally};

/// An event with a number.
#[bus_macros::event(crate = crate)]
struct Numbered(u32);

struct Still(Instant);
impl Clock for Still {
    fn now(&self) -> Instant {
        self.0
    }
    fn sleep_until(&self, _: Instant) -> Sleep {
        Sleep::new(std::future::pending())
    }
}

const BLOCK: BackpressureStrategy = BackpressureStrategy::Block { timeout: Duration::MAX };

/// What was dropped. A mutex of the standard library: what the model looks at is no part of it.
#[derive(Clone, Default)]
struct Lost(Arc<std::sync::Mutex<Vec<u32>>>);
impl Lost {
    fn numbers(&self) -> Vec<u32> {
        self.0.lock().expect("no panic").clone()
    }
}
impl Witness for Lost {
    fn crossed(&self, _: Crossing) {}
    fn dropped(&self, event: Envelope) {
        self.0.lock().expect("no panic").push(number(&event));
    }
}

fn queue(capacity: usize, strategy: BackpressureStrategy) -> Shared<BoundedEventQueue> {
    watched(capacity, strategy, Lost::default())
}

fn watched(
    capacity: usize,
    strategy: BackpressureStrategy,
    lost: Lost,
) -> Shared<BoundedEventQueue> {
    let config = QueueConfig {
        capacity,
        strategy,
        batch_size: 2,
        batch_timeout: Duration::ZERO,
        marks: (1.0, 0.0),
    };
    Shared::new(BoundedEventQueue::new(
        config,
        Arc::new(Still(Instant::now())),
        Tally::new(Arc::new(Messages::new(1))),
        lost,
    ))
}

fn event(number: u32) -> Envelope {
    Envelope::new(MessageId::next(1), Numbered::INFO, Arc::new(Numbered(number)))
}

fn number(event: &Envelope) -> u32 {
    event.event.downcast_ref::<Numbered>().expect("only these are pushed").0
}

/// Publishes as `Publish` does.
fn publish(queue: &BoundedEventQueue, n: u32) -> Result<(), Refused> {
    let mut place = queue.place();
    let mut envelope = Some(event(n));
    block_on(poll_fn(|task| match queue.poll_push(&mut place, &mut envelope, task.waker()) {
        Push::Accepted => {
            let queued = queue.len();
            assert!(queued <= queue.capacity(), "{queued} are queued where few may be");
            Poll::Ready(Ok(()))
        }
        Push::Refused(refused) => Poll::Ready(Err(refused)),
        Push::Waiting | Push::Until(_) => Poll::Pending,
    }))
}

/// Starts events as the dispatcher does, until as many as `enough` were started or the queue is
/// closed.
fn dispatch(queue: &BoundedEventQueue, enough: usize) -> Vec<u32> {
    let mut started = Vec::new();
    let mut batch = Batch::default();
    while started.len() < enough {
        let open = block_on(poll_fn(|task| match queue.take(&mut batch, task.waker(), 1, true) {
            Take::Taken => Poll::Ready(true),
            Take::Closed => Poll::Ready(false),
            Take::Wait(_) => Poll::Pending,
        }));
        if !open {
            break;
        }
        while let Some(event) = queue.start_next(&mut batch) {
            started.push(number(&event));
        }
    }
    started
}

/// All interleavings with at most so many preemptions: without a bound, the models take hours.
fn model(preemptions: usize, check: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(check);
}

#[test]
fn what_is_pushed_reaches_a_dispatcher_that_sleeps_or_not() {
    model(3, || {
        let queue = queue(4, BackpressureStrategy::RejectNew);
        let pushers = [1, 2].map(|n| {
            let queue = Shared::clone(&queue);
            thread::spawn(move || queue.push(event(n)).map(drop).map_err(|(_, why)| why))
        });
        let mut started = dispatch(&queue, 2);
        started.sort_unstable();
        assert_eq!(started, [1, 2]);
        for pusher in pushers {
            assert_eq!(pusher.join().expect("no panic"), Ok(()));
        }
    });
}

#[test]
fn who_waits_for_room_gets_it_when_an_event_is_started() {
    model(2, || {
        let queue = queue(1, BLOCK);
        assert_eq!(publish(&queue, 0), Ok(()));
        let publishers = [1, 2].map(|n| {
            let queue = Shared::clone(&queue);
            thread::spawn(move || publish(&queue, n))
        });
        let mut started = dispatch(&queue, 3);
        started.sort_unstable();
        assert_eq!(started, [0, 1, 2]);
        for publisher in publishers {
            assert_eq!(publisher.join().expect("no panic"), Ok(()));
        }
        assert!(queue.is_empty());
    });
}

#[test]
fn room_that_was_granted_to_one_who_leaves_goes_to_the_next() {
    model(3, || {
        let queue = queue(1, BLOCK);
        assert_eq!(publish(&queue, 0), Ok(()));
        let leaver = {
            let queue = Shared::clone(&queue);
            thread::spawn(move || {
                let mut place = queue.place();
                let mut envelope = Some(event(1));
                let push = queue.poll_push(&mut place, &mut envelope, Waker::noop());
                push == Push::Accepted
            })
        };
        let stayer = {
            let queue = Shared::clone(&queue);
            thread::spawn(move || publish(&queue, 2))
        };
        let started = dispatch(&queue, 2);
        assert_eq!(stayer.join().expect("no panic"), Ok(()));
        let accepted = leaver.join().expect("no panic");
        let rest = dispatch(&queue, usize::from(accepted) + 2 - started.len());
        let mut all = [started, rest].concat();
        all.sort_unstable();
        assert_eq!(all, if accepted { vec![0, 1, 2] } else { vec![0, 2] });
    });
}

#[test]
fn an_event_of_the_batch_is_started_or_dropped_and_never_both() {
    model(3, || {
        let lost = Lost::default();
        let queue = watched(2, BackpressureStrategy::DropOldest, lost.clone());
        for n in [0, 1] {
            assert!(queue.push(event(n)).is_ok_and(|dropped| dropped == 0));
        }
        let dropper = {
            let queue = Shared::clone(&queue);
            thread::spawn(move || match queue.push(event(2)) {
                Ok(dropped) => {
                    assert!(queue.len() <= 2, "more are queued than may be");
                    dropped
                }
                Err((_, refused)) => panic!("{refused}"),
            })
        };
        // Two of three at least are not dropped.
        let mut started = dispatch(&queue, 2);
        let dropped = dropper.join().expect("no panic");
        started.extend(dispatch(&queue, 3 - dropped - started.len()));
        let lost = lost.numbers();
        assert_eq!(lost.len(), dropped, "what was counted as dropped is what was dropped");
        let mut all = [started, lost].concat();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2]);
        assert!(queue.is_empty());
    });
}

#[test]
fn what_races_the_end_is_refused_started_or_given_back() {
    model(3, || {
        let lost = Lost::default();
        let queue = watched(1, BLOCK, lost.clone());
        assert_eq!(publish(&queue, 0), Ok(()));
        let publisher = {
            let queue = Shared::clone(&queue);
            thread::spawn(move || publish(&queue, 1))
        };
        let closer = {
            let queue = Shared::clone(&queue);
            thread::spawn(move || queue.limit_intake(Intake::Closed).iter().map(number).collect())
        };
        let started = dispatch(&queue, usize::MAX);
        let left: Vec<u32> = closer.join().expect("no panic");
        let refused = match publisher.join().expect("no panic") {
            Ok(()) => vec![],
            Err(Refused::Closed) => vec![1],
            Err(other) => panic!("{other}"),
        };
        let mut all = [started, lost.numbers(), left, refused].concat();
        all.sort_unstable();
        assert_eq!(all, [0, 1]);
        assert_eq!(queue.len(), 0);
    });
}

#[test]
fn a_debtor_is_told_when_the_debt_is_paid() {
    model(3, || {
        let queue = queue(1, BLOCK);
        assert!(queue.push_nested(vec![event(0), event(1)]).is_ok());
        let debtor = {
            let queue = Shared::clone(&queue);
            thread::spawn(move || {
                let mut debtor = queue.debtor();
                block_on(poll_fn(|task| queue.poll_paid(&mut debtor, task)));
                assert!(queue.len() <= 1, "the debt is not paid");
            })
        };
        assert_eq!(dispatch(&queue, 2), [0, 1]);
        debtor.join().expect("no panic");
    });
}

#[test]
fn who_waits_for_room_is_told_of_the_end() {
    model(3, || {
        let queue = queue(1, BLOCK);
        assert_eq!(publish(&queue, 0), Ok(()));
        let publisher = {
            let queue = Shared::clone(&queue);
            thread::spawn(move || publish(&queue, 1))
        };
        // Nobody will ever make room.
        let shutting_down = queue.limit_intake(Intake::HandlersOnly);
        assert!(shutting_down.is_empty(), "what is queued may still be handled");
        assert_eq!(publisher.join().expect("no panic"), Err(Refused::ShuttingDown));
        assert_eq!(queue.limit_intake(Intake::Closed).len(), 1);
    });
}

#[test]
fn an_event_that_waits_for_a_slot_begins_or_is_dropped_and_never_both() {
    model(3, || {
        let queue = queue(1, BackpressureStrategy::DropOldest);
        let parking = Parking::new(&queue, false);
        parking.leave_hand();
        let waits = parking.wait().expect("the queue is open");
        assert_eq!(queue.len(), 1, "it is queued while it waits");
        let dropper = {
            let queue = Shared::clone(&queue);
            thread::spawn(move || queue.push(event(1)).map_err(|(_, why)| why))
        };
        let begins = waits.end().is_ok();
        let dropped = dropper.join().expect("no panic").expect("there is always room");
        assert_eq!(begins, dropped == 0, "{dropped} were dropped, and it begins: {begins}");
        assert_eq!(parking.is_given_up(), !begins);
        assert_eq!(queue.len(), 1);
    });
}
