//! A small domain and its tests, in virtual time: three days take milliseconds. `cargo test --example testing` runs
//! the tests. What one of them sees:
//!
//! ```text
//! $ cargo run --example testing
//! to the owner of tea: it is here
//! to the owner of tea: it waits
//! Deposit: executed by deposit
//!   Deposited: published
//!     SendText: executed by send_text, sent by tell
//!       send_text succeeded
//!     handled by tell
//!     Due: scheduled, due in 86400s, sent by watch
//!       published  [+86400s]
//!       SendText: executed by send_text, sent by due  [+86400s]
//!         send_text succeeded  [+86400s]
//!       Reminded: published, sent by due  [+86400s]
//!         handled by nobody  [+86400s]
//!       handled by due  [+86400s]
//!     Due: scheduled, due in 259200s, sent by watch
//!       published  [+259200s]
//!       Returned: published, sent by due  [+259200s]
//!         handled by fetch  [+262800s]
//!       handled by due  [+259200s]
//!     handled by watch
//!   deposit succeeded
//! ```

mod lockers;
#[cfg(test)]
mod tests;

use bus::testing::TestBus;
use lockers::{Deposit, RETURN_AFTER};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bus = TestBus::from_registered()?;
    bus.execute(Deposit { parcel: "tea" }).await?;
    bus.advance(2 * RETURN_AFTER).await;
    print!("{}", bus.tree());
    Ok(())
}
