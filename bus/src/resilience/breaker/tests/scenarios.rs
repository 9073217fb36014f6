//! Each way from one state to another, as a list of steps.

use std::collections::HashMap;
use std::time::Duration;

use super::super::ticket::Open;
use super::super::{CircuitBreaker, CircuitBreakerConfig, CircuitState, Ticket, Verdict};
use super::{config, now};
use CircuitState::{Closed, HalfOpen, Open as Opened};
use Step::{
    Disable, Drop, End, Fail, Fails, ForceOpen, Is, Ok, Rejected, Reset, Slow, Start, Wait,
};

#[derive(Debug, Clone, Copy)]
enum Step {
    /// A call is let in, and ends well.
    Ok,
    /// A call is let in, and fails.
    Fail,
    /// So many.
    Fails(u32),
    /// A call is let in, and ends well after so many ms.
    Slow(u64),
    /// A call is let in, with this number ..
    Start(u32),
    /// .. and ends well or not ..
    End(u32, bool),
    /// .. or is gone.
    Drop(u32),
    /// A call is not let in, and may come again after so many ms.
    Rejected(Option<u64>),
    /// So many ms.
    Wait(u64),
    ForceOpen,
    Disable,
    Reset,
    Is(CircuitState),
}

async fn run(config: CircuitBreakerConfig, steps: &[Step]) -> CircuitBreaker {
    let breaker = CircuitBreaker::new("tested", config).expect("a good config");
    let mut held: HashMap<u32, Ticket> = HashMap::new();
    for (n, step) in steps.iter().enumerate() {
        let let_in = || breaker.admit(now).unwrap_or_else(|open| panic!("{n}, {step:?}: {open:?}"));
        let ended = |ticket, is_ok| breaker.ended(ticket, Verdict::of(is_ok), None, now);
        match *step {
            Ok => ended(let_in(), true),
            Fail => ended(let_in(), false),
            Fails(times) => (0..times).for_each(|_| ended(let_in(), false)),
            Slow(ms) => {
                let took = Some(Duration::from_millis(ms));
                breaker.ended(let_in(), Verdict::Ok, took, now);
            }
            Start(number) => assert!(held.insert(number, let_in()).is_none()),
            End(number, is_ok) => ended(held.remove(&number).expect("it was started"), is_ok),
            Drop(number) => breaker.release(held.remove(&number).expect("it was started")),
            Rejected(after) => {
                let retry_after = after.map(Duration::from_millis);
                let open = breaker.admit(now).expect_err(&format!("step {n} is let in"));
                assert_eq!(open, Open { retry_after }, "step {n}");
            }
            Wait(ms) => tokio::time::advance(Duration::from_millis(ms)).await,
            ForceOpen => breaker.force_open(),
            Disable => breaker.disable(),
            Reset => breaker.reset(),
            Is(state) => assert_eq!(breaker.state(), state, "step {n}"),
        }
    }
    held.into_values().for_each(|ticket| breaker.release(ticket));
    breaker
}

macro_rules! scenarios {
    ($($name:ident: $config:expr, $steps:expr;)*) => {
        $(#[tokio::test(start_paused = true)]
        async fn $name() {
            run($config, &$steps).await;
        })*
    };
}

scenarios! {
    it_opens_at_the_threshold_and_not_before: config(), [
        Fails(2), Is(Closed), Fail, Is(Opened), Rejected(Some(1000)),
    ];
    a_success_takes_no_failure_back: config(), [
        Fail, Ok, Fail, Ok, Ok, Is(Closed), Fail, Is(Opened),
    ];
    few_failures_among_many_calls_open_nothing: config(), [
        Ok, Ok, Ok, Ok, Fails(3), Is(Closed), Fail, Is(Opened),
    ];
    without_a_ratio_the_number_decides: CircuitBreakerConfig { failure_ratio: 0.0, ..config() }, [
        Ok, Ok, Ok, Ok, Ok, Ok, Ok, Ok, Ok, Fails(3), Is(Opened),
    ];
    with_the_whole_as_ratio_one_success_keeps_it_closed:
        CircuitBreakerConfig { failure_ratio: 1.0, ..config() }, [
        Ok, Fails(9), Is(Closed), Wait(10_000), Fails(3), Is(Opened),
    ];
    what_is_older_than_the_window_does_not_count: config(), [
        Fails(2), Wait(10_000), Fail, Is(Closed), Fail, Is(Closed), Fail, Is(Opened),
    ];
    what_is_younger_than_nine_tenths_of_it_does: config(), [
        Fails(2), Wait(8_999), Fail, Is(Opened),
    ];
    nobody_is_let_in_before_the_time: config(), [
        Fails(3), Wait(400), Rejected(Some(600)), Wait(599), Rejected(Some(1)), Is(Opened),
        Wait(1), Is(Opened), Start(1), Is(HalfOpen),
    ];
    so_many_probes_at_once: CircuitBreakerConfig { probes: 2, ..config() }, [
        Fails(3), Wait(1000), Start(1), Start(2), Rejected(None), End(1, true), Start(3), Rejected(None),
    ];
    so_many_good_probes_close_it: config(), [
        Fails(3), Wait(1000), Ok, Is(HalfOpen), Ok, Is(Closed), Start(1), Start(2), Start(3),
    ];
    when_it_is_closed_nothing_is_left_of_before: config(), [
        Fails(3), Wait(1000), Ok, Ok, Is(Closed), Fails(2), Is(Closed), Fail, Is(Opened),
        Rejected(Some(1000)),
    ];
    one_bad_probe_opens_it_again_and_longer: config(), [
        Fails(3), Wait(1000), Ok, Fail, Is(Opened), Rejected(Some(2000)),
        Wait(2000), Fail, Rejected(Some(4000)), Wait(3999), Rejected(Some(1)),
        Wait(1), Fail, Rejected(Some(5000)), Wait(5000), Fail, Rejected(Some(5000)),
        Wait(5000), Ok, Is(HalfOpen), Ok, Is(Closed), Fails(3), Rejected(Some(1000)),
    ];
    good_probes_count_only_in_a_row: config(), [
        Fails(3), Wait(1000), Ok, Fail, Wait(2000), Ok, Is(HalfOpen), Ok, Is(Closed),
    ];
    without_growth_it_is_open_as_long_each_time:
        CircuitBreakerConfig { recovery_growth: 1.0, ..config() }, [
        Fails(3), Wait(1000), Fail, Rejected(Some(1000)), Wait(1000), Fail, Rejected(Some(1000)),
    ];
    a_probe_that_is_gone_gives_its_place_back: config(), [
        Fails(3), Wait(1000), Start(1), Rejected(None), Drop(1), Is(HalfOpen), Start(2), Rejected(None),
        End(2, true), Is(HalfOpen), Start(3), Drop(3), Ok, Is(Closed),
    ];
    who_was_let_in_before_is_no_probe: config(), [
        Start(1), Start(2), Start(3), Start(4), Fails(3), End(1, true), End(2, false), Is(Opened),
        Rejected(Some(1000)), Wait(1000), Start(5), Is(HalfOpen), End(3, false), Is(HalfOpen),
        Drop(4), Rejected(None), End(5, true), Is(HalfOpen),
    ];
    a_probe_of_an_earlier_time_is_none_now: CircuitBreakerConfig { probes: 2, ..config() }, [
        Fails(3), Wait(1000), Start(1), Start(2), End(1, false), Wait(2000), Start(3), Is(HalfOpen),
        End(2, false), Is(HalfOpen), Start(4), Rejected(None), End(3, true), End(4, true), Is(Closed),
    ];
    who_was_let_in_before_it_was_closed_again_is_not_counted: config(), [
        Start(1), Fails(3), Wait(1000), Ok, Ok, Is(Closed), Fails(2), End(1, false), Is(Closed),
    ];
    slow_calls_are_failures: CircuitBreakerConfig { slow_call: Some(Duration::from_millis(20)), ..config() }, [
        Slow(20), Slow(21), Slow(21), Is(Closed), Slow(21), Is(Opened), Wait(1000), Slow(21), Is(Opened),
    ];
    however_slow_without_a_limit: config(), [ Slow(900_000), Slow(900_000), Slow(900_000), Is(Closed) ];
    forced_open_it_stays_so_until_it_is_reset: config(), [
        ForceOpen, Is(Opened), Rejected(None), Wait(1_000_000), Rejected(None), Reset, Is(Closed), Ok,
    ];
    a_probe_does_not_close_what_was_forced_open: config(), [
        Fails(3), Wait(1000), Ok, Start(1), ForceOpen, End(1, true), Is(Opened), Rejected(None),
    ];
    disabled_it_lets_everybody_in: config(), [
        Disable, Fails(100), Is(Closed), Wait(20_000), Reset, Fails(2), Is(Closed), Fail, Is(Opened),
        Disable, Is(Closed), Ok, Fails(9), Is(Closed), ForceOpen, Rejected(None), Disable, Ok,
    ];
    reset_forgets_all: config(), [
        Fails(2), Start(1), Reset, Fails(2), End(1, false), Is(Closed), Fail, Is(Opened), Wait(1000), Fail,
        Rejected(Some(2000)), Reset, Is(Closed), Fails(3), Rejected(Some(1000)),
    ];
}
