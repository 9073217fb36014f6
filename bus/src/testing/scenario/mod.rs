//! Given, when, then: a test in one chain. Nothing happens until it is awaited.
//!
//! [`given`] is what was before, [`when`] what happens and what is expected of it, [`said`](mod@said) what errors say of
//! themselves.

mod given;
mod said;
mod when;

use std::panic::Location;

pub use given::{Given, IsGiven};
pub use said::Said;
pub use when::{Executed, When};

use super::TestBus;
use crate::handler::slot::BoxFuture;

type Place = &'static Location<'static>;
type Act<'b, R> = Box<dyn FnOnce(&'b TestBus) -> BoxFuture<'b, R> + Send + 'b>;
type Check<'b, R> = Box<dyn FnOnce(&TestBus, &R) -> Result<(), String> + Send + 'b>;

impl TestBus {
    async fn settled_at(&self, place: Place) {
        if let Err(hangs) = self.try_settle().await {
            self.fail_at(place, &hangs.to_string());
        }
    }

    fn fail_at(&self, place: Place, why: &str) -> ! {
        panic!("{why}\nat {place}\n{}", self.what_happened())
    }
}
