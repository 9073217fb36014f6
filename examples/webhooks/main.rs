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
mod policy;
mod progress;
mod repositories;
mod statistics;
mod summary;
mod text;
mod top;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use bus::Bus;

use crate::activity::ActivityLog;
use crate::cli::{Action, Options};
use crate::delivery::Deliver;
use crate::failure::{Failure, Failures, say};
use crate::input::{Line, Lines, Source};
use crate::latency::Latency;
use crate::progress::Progress;
use crate::repositories::Repositories;
use crate::summary::Summary;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    // Event errors reach no caller: the log shows them.
    tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(tracing::Level::WARN).init();
    let options = match cli::parse(std::env::args_os().skip(1)) {
        Ok(Action::Run(options)) => options,
        Ok(Action::Help) => return print(cli::HELP),
        Ok(Action::Graph(options)) => return graph(&options).await,
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

/// Prints what is wired, and what was seen to follow from what when the sources were executed.
async fn graph(options: &Options) -> ExitCode {
    match draw(options).await {
        Ok(graph) => print(&graph),
        Err(error) => {
            say(format_args!("webhooks: {error}"));
            ExitCode::from(2)
        }
    }
}

async fn draw(options: &Options) -> Result<String, Error> {
    let bus = Bus::builder().provide(ActivityLog::to(None)?).record_flow().build()?;
    run_on(&bus, options).await?;
    Ok(bus.describe().to_mermaid())
}

async fn run(options: &Options) -> Result<Summary, Error> {
    let bus = Bus::builder().provide(ActivityLog::to(options.log.as_deref())?).build()?;
    run_on(&bus, options).await
}

/// Executes every line of every source.
async fn run_on(bus: &Bus, options: &Options) -> Result<Summary, Error> {
    let sources = Source::open_all(&options.files)?;
    let mut repositories = Repositories::new(bus, &options.rules);
    let mut failures = Failures::new(options.failures);
    let mut latency = Latency::default();
    let mut progress = Progress::on_a_terminal(sources.iter().map(|source| source.size).sum());
    let start = Instant::now();
    let (mut lines, mut ok, mut cut_short) = (0_u64, 0_u64, 0_u64);

    for source in sources {
        let name: Arc<str> = source.name.into();
        for line in Lines::of(source.reader) {
            let Line { number, content } = match line {
                Ok(line) => line,
                Err(error) => {
                    cut_short += 1;
                    say(format_args!("{name}: cannot be read on: {error}"));
                    break;
                }
            };
            lines += 1;
            let bytes = content.as_ref().map_or(0, Vec::len) as u64 + 1;
            match deliver(&mut repositories, &name, number, content, &mut latency).await {
                Ok(()) => ok += 1,
                Err(failure) => {
                    progress.clear();
                    failures.add(&name, number, failure);
                }
            }
            progress.advance(lines, bytes, start);
        }
    }
    progress.clear();
    // Lets the event handlers finish, and all sessions end: the statistics are complete after this.
    let shutdown = bus.shutdown().await;
    let elapsed = start.elapsed();
    let (watched, most_open) = repositories.told();
    Summary::new(
        bus,
        &shutdown,
        failures,
        &latency,
        summary::Counts { lines, ok, cut_short, elapsed, watched, most_open },
    )
}

/// One line: parsed here, executed by the bus, in the session of its repository.
async fn deliver(
    repositories: &mut Repositories<'_>,
    source: &Arc<str>,
    number: u64,
    content: Result<Vec<u8>, Failure>,
    latency: &mut Latency,
) -> Result<(), Failure> {
    let command = Deliver::parse(Arc::clone(source), number, &content?)?;
    let start = Instant::now();
    let result = repositories.execute(command).await;
    latency.record(start.elapsed());
    result
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
