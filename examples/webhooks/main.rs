//! A webhook processor as one would write it with a bus.
//!
//! Reads GitHub webhook deliveries as NDJSON, executes each as a command, and lets event handlers
//! keep statistics, write an activity log and raise alerts. `README.md` beside this file has the tour.

mod activity;
mod alerts;
mod cli;
mod delivery;
mod events;
mod failure;
mod generate;
mod input;
mod intake;
mod latency;
mod notifier;
mod policy;
mod progress;
mod repositories;
mod statistics;
mod summary;
mod text;
mod top;
mod watch;
mod work;

use std::io::{self, Write};
use std::process::ExitCode;

use bus::Bus;

use crate::activity::ActivityLog;
use crate::cli::{Action, Options};
use crate::failure::say;
use crate::summary::Summary;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    // Event errors reach no caller: the log shows them.
    tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(tracing::Level::WARN).init();
    let options = match cli::parse(std::env::args_os().skip(1)) {
        Ok(Action::Run(options)) => options,
        Ok(Action::Help) => return print(cli::HELP),
        Ok(Action::Generate(count)) => {
            return finish(generate::write(count, &mut io::stdout().lock()));
        }
        Err(wrong) => {
            say(format_args!("webhooks: {wrong}\n\n{}", cli::USAGE));
            return ExitCode::from(2);
        }
    };
    match run(&options).await {
        Ok(summary) => {
            let text = if options.json { summary.json() } else { summary.to_string() };
            let failed = summary.failed > 0 || summary.sources_cut_short > 0 || !summary.adds_up();
            let printed = print(&text);
            let bad = !summary.log_is_whole || (options.strict && failed);
            if bad { ExitCode::FAILURE } else { printed }
        }
        Err(error) => {
            say(format_args!("webhooks: {error}"));
            ExitCode::from(2)
        }
    }
}

async fn run(options: &Options) -> Result<Summary, Error> {
    let builder = Bus::builder().provide(ActivityLog::to(options.log.as_deref())?);
    let bus = match options.flaky {
        Some(fails) => notifier::install(builder, fails).build()?,
        None => builder.build()?,
    };
    work::run_on(&bus, options).await
}

fn print(text: &str) -> ExitCode {
    finish(writeln!(io::stdout().lock(), "{}", text.trim_end()))
}

/// A reader that has gone (`| head`) is no failure of ours.
fn finish(written: io::Result<()>) -> ExitCode {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            say(format_args!("webhooks: {error}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
