//! Models of the window and the budget, under all interleavings that loom finds.

use std::time::{Duration, Instant};

use loom::sync::Arc;
use loom::thread;

use super::budget::RetryBudget;
use super::window::Window;

/// As in the models of the queue.
fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(check);
}

/// Two buckets of 100 ns.
fn window() -> Arc<Window<1, 2>> {
    Arc::new(Window::new(100))
}

fn adds(window: &Arc<Window<1, 2>>, at: u64) -> thread::JoinHandle<()> {
    let window = Arc::clone(window);
    thread::spawn(move || window.add(at, 1))
}

#[test]
fn none_is_lost_where_a_bucket_is_used_again() {
    model(|| {
        let window = window();
        window.add(0, 7);
        let adding = [200, 250].map(|at| adds(&window, at));
        window.add(299, 1);
        adding.into_iter().for_each(|add| add.join().expect("no panic"));
        assert_eq!(window.sum(299), 3);
    });
}

#[test]
fn who_comes_too_late_changes_nothing() {
    model(|| {
        let window = window();
        let adding = [50, 250].map(|at| adds(&window, at));
        adding.into_iter().for_each(|add| add.join().expect("no panic"));
        assert_eq!(window.sum(299), 1);
    });
}

#[test]
fn what_is_cleared_stays_so_and_what_comes_later_counts() {
    model(|| {
        let window = window();
        window.add(0, 7);
        let add = adds(&window, 10);
        window.clear();
        assert!(window.sum(10) <= 1);
        add.join().expect("no panic");
        assert!(window.sum(10) <= 1);
        window.add(150, 1);
        assert!((1..=2).contains(&window.sum(150)));
    });
}

#[test]
fn no_more_than_the_budget_is_allowed_to_several_at_once() {
    model(|| {
        let budget = RetryBudget::new(1.0, 0).window(Duration::from_secs(10));
        let now = Instant::now();
        budget.deposit(now);
        let takers = [0, 1].map(|seconds| {
            let budget = budget.clone();
            thread::spawn(move || budget.withdraw(now + Duration::from_secs(seconds)))
        });
        let here = budget.withdraw(now);
        let taken = takers.map(|taker| taker.join().expect("no panic"));
        let taken = usize::from(here) + taken.into_iter().filter(|taken| *taken).count();
        assert_eq!(taken, 1);
    });
}
