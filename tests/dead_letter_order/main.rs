//! Dead letters of events that have an order: what comes after one waits behind it, for this handler and
//! this key alone, until it is retried or discarded.
//!
//! The cases by name are beside this; random ones, against a plain model, in `random.rs`.
//!
//! ```console
//! $ PROPTEST_CASES=3000 cargo test --release --test dead_letter_order
//! ```

mod around;
mod batches;
mod ends;
mod judge;
mod parking;
mod random;
mod verbs;
mod world;
