//! What a command may meet between `execute` and its result.

mod context;
mod errors;
mod forms;
mod time;

use std::future::pending;

use bus::{Bus, command, handler};

fn bus() -> Bus {
    Bus::from_registered().expect("the wiring of this file is right")
}

#[command(output = String)]
struct Say(&'static str);
#[command(timeout = "5s")]
struct HangHandler;
#[handler(timeout = "1s")]
async fn hang_handler(_: HangHandler) -> bus::Result<()> {
    pending().await
}
