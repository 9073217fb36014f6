#![doc = include_str!("../../guide/testing.md")]

mod builder;
mod clock;
mod expect;
mod fake;
mod faulty;
mod record;
mod settle;
mod test_bus;
mod watchdog;

#[doc(inline)]
pub use crate::__expect_exactly as expect_exactly;
pub use builder::TestBusBuilder;
pub use clock::TestClock;
pub use expect::Expected;
pub use fake::Fake;
pub use faulty::{Fault, Faulty};
pub use record::{Entry, Step};
pub use settle::{Pending, Unsettled};
pub use test_bus::TestBus;
