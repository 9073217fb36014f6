//! The work: every line of every source, as a command.

use std::sync::Arc;
use std::time::Instant;

use bus::Bus;

use crate::Error;
use crate::cli::Options;
use crate::delivery::Deliver;
use crate::failure::{Failure, Failures, say};
use crate::input::{Line, Lines, Source};
use crate::latency::Latency;
use crate::notifier::Notified;
use crate::progress::Progress;
use crate::repositories::Repositories;
use crate::summary::{self, Summary};

/// Executes every line of every source.
pub(crate) async fn run_on(bus: &Bus, options: &Options) -> Result<Summary, Error> {
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
    let notified = match options.flaky {
        Some(_) => Some(Notified::run_again(bus).await?),
        None => None,
    };
    // Lets the event handlers finish, and all sessions end: the statistics are complete after this.
    let shutdown = bus.shutdown().await;
    let elapsed = start.elapsed();
    let (watched, most_open) = repositories.told();
    Summary::new(
        bus,
        &shutdown,
        failures,
        &latency,
        summary::Counts { lines, ok, cut_short, elapsed, watched, most_open, notified },
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
