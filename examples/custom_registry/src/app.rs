//! The application: it knows nothing of the registry's file, but for the list that it prints.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bus::OwnedContext;
use bus::prelude::*;

use crate::registry::SqliteRegistry;

/// Answers with the number of the user.
#[command(output = u32)]
struct SignUp(&'static str);

#[event]
struct SignedUp(&'static str);

#[derive(Default)]
struct Users(AtomicU32);

#[resource]
fn users() -> Users {
    Users::default()
}

#[handler]
fn sign_up(cmd: SignUp, users: &Res<Users>) -> bus::Result<u32> {
    let number = users.0.fetch_add(1, Ordering::Relaxed) + 1;
    say(format_args!("sign_up: {} is user {number}", cmd.0));
    Ok(number)
}

#[handler(priority = 5)] // before `count`, so that the output is always the same
async fn greet(event: &SignedUp) {
    say(format_args!("greet: welcome, {}", event.0));
}

#[handler]
async fn count(_: &SignedUp, users: &Res<Users>) {
    say(format_args!("count: {} so far", users.0.load(Ordering::Relaxed)));
}

/// A command, an event, and a session that leaves nothing behind.
pub(crate) async fn run(bus: &Bus, registry: &SqliteRegistry) -> bus::Result<()> {
    bus.execute(SignUp("ada")).await?;
    bus.publish(SignedUp("ada")).and_wait().await?.into_result()?;

    let import = bus
        .session("import-1")
        .on_event(|event: Arc<SignedUp>, _: OwnedContext| async move {
            say(format_args!("import-1: {} is imported", event.0));
        })
        .open()
        .await?;
    say(format_args!("\nin the session:"));
    list(registry)?;
    import.execute(SignUp("grace")).await?;
    import.publish(SignedUp("grace")).and_wait().await?.into_result()?;
    import.close().await;
    say(format_args!("\nafter it:"));
    list(registry)
}

pub(crate) fn list(registry: &SqliteRegistry) -> bus::Result<()> {
    registry.list()?.iter().for_each(|listed| say(format_args!("{listed}")));
    Ok(())
}

/// A line on standard output. Where nobody reads it (`| head`) there is nobody to tell, and that is
/// no reason for a handler to fail: `println!` would panic.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}
