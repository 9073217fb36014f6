//! Draws what is wired in the example `webhooks`, and what was seen to follow from what when its sample was
//! executed, and writes it into the README of that: `cargo run --example graph`. With `--print`, `--dot`
//! or `--text` it prints a Mermaid flowchart, the same for Graphviz, or the description instead.
#![allow(dead_code, reason = "of the other example, only what is executed is used")]

#[path = "../webhooks/activity.rs"]
mod activity;
#[path = "../webhooks/alerts.rs"]
mod alerts;
#[path = "../webhooks/cli.rs"]
mod cli;
#[path = "../webhooks/delivery.rs"]
mod delivery;
#[path = "../webhooks/events.rs"]
mod events;
#[path = "../webhooks/failure.rs"]
mod failure;
#[path = "../webhooks/generate.rs"]
mod generate;
#[path = "../webhooks/input.rs"]
mod input;
#[path = "../webhooks/intake.rs"]
mod intake;
#[path = "../webhooks/latency.rs"]
mod latency;
#[path = "../webhooks/notifier.rs"]
mod notifier;
#[path = "../webhooks/policy.rs"]
mod policy;
#[path = "../webhooks/progress.rs"]
mod progress;
#[path = "../webhooks/repositories.rs"]
mod repositories;
#[path = "../webhooks/statistics.rs"]
mod statistics;
#[path = "../webhooks/summary.rs"]
mod summary;
#[path = "../webhooks/text.rs"]
mod text;
#[path = "../webhooks/top.rs"]
mod top;
#[path = "../webhooks/watch.rs"]
mod watch;
#[path = "../webhooks/work.rs"]
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use bus::{Bus, Description};

use crate::activity::ActivityLog;
use crate::cli::{Action, Options};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let wanted = std::env::args().nth(1);
    match draw(wanted.as_deref()).await {
        Ok(text) => {
            println!("{}", text.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("graph: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn draw(wanted: Option<&str>) -> Result<String, Error> {
    let description = describe().await?;
    match wanted {
        None => write(&description.to_mermaid()),
        Some("--print") => Ok(description.to_mermaid()),
        Some("--dot") => Ok(description.to_dot()),
        Some("--text") => Ok(description.to_string()),
        Some(other) => Err(format!("unknown option `{other}`: --print, --dot or --text").into()),
    }
}

/// Of a bus that has executed the sample.
async fn describe() -> Result<Description, Error> {
    let bus = Bus::builder().provide(ActivityLog::to(None)?).record_flow().build()?;
    let Action::Run(options) = cli::parse(std::iter::empty())? else {
        return Err("no options: run".into());
    };
    work::run_on(&bus, &Options { failures: 0, ..options }).await?;
    Ok(bus.describe())
}

/// Puts the diagram in place of the one that the README has.
fn write(diagram: &str) -> Result<String, Error> {
    let readme: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "examples", "webhooks", "README.md"].iter().collect();
    let text = std::fs::read_to_string(&readme)?;
    let (before, rest) = text.split_once("```mermaid\n").ok_or("the README has no diagram")?;
    let (_, after) = rest.split_once("```").ok_or("the diagram has no end")?;
    let drawn = format!("{before}```mermaid\n{diagram}```{after}");
    let changed = if drawn == text { "is as it was" } else { "has changed" };
    std::fs::write(&readme, drawn)?;
    Ok(format!("the diagram in {} {changed}", readme.display()))
}
