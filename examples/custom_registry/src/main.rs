//! A registry that remembers in a SQLite file which handlers there were, and which are switched off.
//!
//! ```console
//! $ cargo run -p custom-registry -- run
//! $ cargo run -p custom-registry -- disable greet
//! $ cargo run -p custom-registry -- run             # without `greet`
//! ```
//!
//! `registry.rs` implements `bus::Registry`, `file.rs` is the table. `app.rs` is what a user writes.

mod app;
mod cli;
mod file;
mod registry;

use std::process::ExitCode;
use std::sync::Arc;

use bus::{Bus, RegistryError};

use crate::app::say;
use crate::cli::{Action, Options};
use crate::registry::SqliteRegistry;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match cli::parse(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("custom-registry: {wrong}\n\n{}", cli::HELP);
            return ExitCode::from(2);
        }
    };
    match act(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("custom-registry: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn act(Options { action, file }: &Options) -> bus::Result<()> {
    if *action == Action::Help {
        say(format_args!("{}", cli::HELP));
        return Ok(());
    }
    let registry = Arc::new(SqliteRegistry::open(file)?);
    // The bus is built for each action: it gives its handlers to the registry, so that the file knows
    // them all, and the list knows which of the file's are gone.
    let bus = Bus::builder().registry(Arc::clone(&registry)).build()?;
    let done = match action {
        Action::Help => Ok(()),
        Action::List => app::list(&registry),
        Action::Disable(name) => {
            let name = registry.disable(name)?;
            say(format_args!("{name} is disabled"));
            Ok(())
        }
        Action::Enable(name) => {
            let name = registry.enable(name)?;
            say(format_args!("{name} is enabled"));
            Ok(())
        }
        Action::Run => {
            for warning in bus.wiring().warnings() {
                say(format_args!("warning: {warning}"));
            }
            let done = app::run(&bus, &registry).await;
            say(format_args!("\n{}", bus.shutdown().await));
            done
        }
    };
    // What failed where the bus asks the registry for no result.
    let errors: Vec<_> = registry.take_errors().iter().map(ToString::to_string).collect();
    if errors.is_empty() {
        done
    } else {
        done.and(Err(RegistryError::new(errors.join("; ")).into()))
    }
}
