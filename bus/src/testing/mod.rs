//! Tests: a bus whose time stands still, that says exactly when it has settled, and keeps a record of what
//! happened. Feature `testing`; the guide has a chapter on it: [`guide::testing`](crate::guide::testing).
//!
//! What goes on is told by the record, an observer, and by the probes (`bus/src/probe`), from which
//! [`TestBus::settle`] knows when nothing can go on. Expectations and scenarios stand on these two; fakes, faults,
//! contexts, seeds and the manifest each for themselves.

mod builder;
mod clock;
mod context;
mod driven;
mod expect;
mod explore;
mod fake;
mod faulty;
mod no_failure;
mod record;
mod run;
mod scenario;
mod settle;
mod standstill;
mod test_bus;
mod unrecorded;
mod watchdog;
mod wiring;

#[doc(inline)]
pub use crate::__assert_wiring as assert_wiring;
#[doc(inline)]
pub use crate::__expect_exactly as expect_exactly;
pub use builder::TestBusBuilder;
pub use clock::TestClock;
pub use context::TestContext;
pub use expect::Expected;
pub use explore::explore;
pub use fake::Fake;
pub use faulty::{Fault, Faulty};
pub use record::{Entry, Step};
pub use scenario::{Executed, Given, IsGiven, Said, When};
pub use settle::{Pending, Unsettled};
pub use test_bus::TestBus;
#[doc(hidden)]
pub use wiring::check_wiring;
