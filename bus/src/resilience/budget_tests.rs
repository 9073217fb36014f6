//! The budget against lists of all that happened.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::RetryBudget;

#[derive(Debug, Clone)]
enum Step {
    Calls(usize),
    Retries(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..40usize).prop_map(Step::Calls),
        (1..20usize).prop_map(Step::Retries),
        (0..3_000_000_000u64).prop_map(Step::Wait),
        // Where buckets end.
        (1..30u64).prop_map(|n| Step::Wait(n * 700_000_000)),
    ]
}

proptest! {
    #[test]
    fn in_the_window_before_a_retry_there_are_no_more_than_the_budget_says(
        steps in prop::collection::vec(step(), 1..120),
        ratio in prop::sample::select(vec![0.0, 0.1, 0.2, 0.7, 1.0, 2.5]),
        per_second in 0..3u32,
    ) {
        let span = 7_000_000_003u64;
        let budget = RetryBudget::new(ratio, per_second).window(Duration::from_nanos(span));
        let start = Instant::now();
        let (mut calls, mut retries) = (Vec::<u64>::new(), Vec::<u64>::new());
        let mut at = 0;
        let always = f64::from(per_second) * Duration::from_nanos(span).as_secs_f64();
        for step in steps {
            let now = start + Duration::from_nanos(at);
            match step {
                Step::Wait(nanos) => at += nanos,
                Step::Calls(times) => for _ in 0..times {
                    budget.deposit(now);
                    calls.push(at);
                },
                Step::Retries(times) => for _ in 0..times {
                    let within = |of: &[u64], age: u64| {
                        of.iter().filter(|then| at - **then < age).count() as f64
                    };
                    let remaining = budget.remaining(now);
                    let allowed = budget.withdraw(now);
                    prop_assert_eq!(allowed, remaining > 0);
                    if allowed {
                        retries.push(at);
                        let most = ratio.mul_add(within(&calls, span), always);
                        prop_assert!(within(&retries, span) <= most + 1e-6);
                    } else {
                        // Nor is it stricter than its buckets are wide.
                        let most = ratio.mul_add(within(&calls, span / 10 * 9), always);
                        prop_assert!(within(&retries, span / 10 * 11 + 11) + 1.0 > most);
                    }
                },
            }
        }
    }
}
