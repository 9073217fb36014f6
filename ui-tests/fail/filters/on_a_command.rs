//! A command has to be answered.
use bus::{FilterView, command, handler};

#[command]
struct SignUp;

fn is_large(_: &FilterView<'_>) -> bool {
    true
}

#[handler(filter = is_large)]
async fn sign_up(_: SignUp) -> bus::Result<()> {
    Ok(())
}

fn main() {}
