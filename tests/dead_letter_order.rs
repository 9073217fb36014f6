//! Dead letters of events that have an order: what comes after one waits behind it, for this handler and
//! this key alone, until it is retried or discarded.
//!
//! Each case by name is in `dead_letter_order/`; random ones, against a plain model, in
//! `dead_letter_order/random.rs`.
//!
//! ```console
//! $ PROPTEST_CASES=3000 cargo test --release --test dead_letter_order
//! ```

#[path = "dead_letter_order/around.rs"]
mod around;
#[path = "dead_letter_order/batches.rs"]
mod batches;
#[path = "dead_letter_order/ends.rs"]
mod ends;
#[path = "dead_letter_order/judge.rs"]
mod judge;
#[path = "dead_letter_order/parking.rs"]
mod parking;
#[path = "dead_letter_order/random.rs"]
mod random;
#[path = "dead_letter_order/verbs.rs"]
mod verbs;
#[path = "dead_letter_order/world.rs"]
mod world;
