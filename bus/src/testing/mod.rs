#![doc = include_str!("../../guide/testing.md")]

mod builder;
mod clock;
mod context;
mod expect;
mod explore;
mod fake;
mod faulty;
mod record;
mod scenario;
mod settle;
mod test_bus;
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
pub use scenario::{Executed, Given, Said, When};
pub use settle::{Pending, Unsettled};
pub use test_bus::TestBus;
#[doc(hidden)]
pub use wiring::check_wiring;
