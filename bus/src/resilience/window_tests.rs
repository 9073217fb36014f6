//! The window, and a list of all that happened beside it.

use std::time::Duration;

use proptest::prelude::*;

use super::{SHARDS, Since, Window, nanos};

/// Ten buckets of 100 ns.
fn window() -> Window<SHARDS, 10> {
    Window::new(100)
}

#[test]
fn it_is_exact_to_a_bucket() {
    let window = window();
    window.add(99, 2);
    window.add(100, 3);
    assert_eq!([99, 999].map(|at| window.sum(at)), [5, 5]);
    assert_eq!([1000, 1099, 1100].map(|at| window.sum(at)), [3, 3, 0]);
    window.add(1000, 1);
    assert_eq!(window.sum(1099), 4, "what is used again begins anew");
}

#[test]
fn however_far_the_clock_goes_what_is_old_is_old() {
    for width in [1, 3, 100, 1 << 20, 1 << 33, 1 << 60, u64::MAX / 10, u64::MAX] {
        let span = u128::from(width) * 10;
        for at in [0, 7, 12_345] {
            let window = Window::<1, 10>::new(width);
            window.add(at, 1);
            assert_eq!(window.sum(at), 1);
            for ahead in 0..64 {
                let later = u128::from(at) + (span << ahead);
                let Ok(later) = u64::try_from(later) else { break };
                assert_eq!(window.sum(later), 0, "{width}, {at}, 2^{ahead} windows later");
            }
            window.add(u64::MAX, 1);
            assert!((1..=2).contains(&window.sum(u64::MAX)));
        }
    }
}

#[test]
fn a_count_that_is_full_stays_so() {
    // Of ten ns, counts have three bits.
    let window = Window::<1, 10>::new(1);
    window.add(0, 5);
    window.add(0, 5);
    window.add(1, u32::MAX);
    assert_eq!(window.sum(1), 14);
    assert_eq!(window.sum(10), 7);
    assert_eq!(window.sum(11), 0);
}

#[test]
fn who_is_a_whole_ring_behind_changes_nothing() {
    let window = window();
    window.add(1000, 3);
    window.add(99, 9);
    assert_eq!(window.sum(1000), 3);
    // Less than that is no matter.
    window.add(150, 1);
    assert_eq!([950, 1000, 1150].map(|at| window.sum(at)), [4, 4, 3]);
}

#[test]
fn all_threads_are_in_the_sum_and_cleared() {
    // So wide that one shard can count all of it, should the threads come one after the other.
    let window = Window::<SHARDS, 10>::new(100_000);
    std::thread::scope(|scope| {
        for _ in 0..2 * SHARDS {
            scope.spawn(|| (0..1000).for_each(|n| window.add(n * 500, 1)));
        }
    });
    assert_eq!(window.sum(500_000), 2000 * SHARDS as u64);
    window.clear();
    assert_eq!(window.sum(500_000), 0);
}

#[test]
fn time_begins_when_it_is_first_asked_for_and_has_no_end() {
    let since = Since::default();
    let now = std::time::Instant::now();
    assert_eq!(since.nanos(now), 0);
    assert_eq!(since.nanos(now + Duration::from_millis(1)), 1_000_000);
    assert_eq!(since.nanos(now.checked_sub(Duration::from_millis(1)).unwrap()), 0);
    assert_eq!(nanos(Duration::new(3, 7)), 3_000_000_007);
    assert_eq!(nanos(Duration::MAX), u64::MAX);
    assert_eq!(size_of::<Window<SHARDS, 10>>(), 1024);
}

/// How far the clock goes, and by how much a thread lags behind it.
fn step() -> impl Strategy<Value = (u64, u64, u32)> {
    let far = prop_oneof![9 => 0..400u64, 1 => (0..50u32).prop_map(|bits| 1 << bits)];
    (far, 0..300u64, 0..3u32)
}

proptest! {
    #[test]
    fn nothing_older_than_the_window_counts_and_all_that_is_younger_does(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let window = window();
        let mut all = Vec::new();
        let mut now: u64 = 0;
        for (ahead, behind, times) in steps {
            now += ahead;
            let at = now.saturating_sub(behind);
            window.add(at, times);
            all.push((at, u64::from(times)));
            let younger = |age: u64, asked: u64| -> u64 {
                all.iter().filter(|(at, _)| asked.saturating_sub(*at) < age).map(|(_, n)| n).sum()
            };
            // Who asks may lag behind as well. It misses what is old for those who are ahead.
            for asked in [now, at] {
                let (least, sum, most) = (younger(900, now), window.sum(asked), younger(1000, asked));
                prop_assert!(least <= sum && sum <= most, "{sum} at {asked}: {all:?}");
            }
        }
    }
}
