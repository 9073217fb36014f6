//! What can be seen of a run: spans, a trace that comes in and goes out, the tree of a request, a file of all that
//! happened, and the health of the bus.
//!
//! ```console
//! $ cargo run --example tracing
//! ```

use std::time::Duration;

use bus::observe;
use bus::prelude::*;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::prelude::*;

#[command(output = String)]
struct Order {
    item: &'static str,
}
#[event]
struct Ordered {
    item: &'static str,
}
#[command]
struct Pack;
#[event]
struct Checked;

/// Answers with the header of the request that it would make.
#[handler]
async fn order(command: Order, cx: &Context, emit: Emit<Ordered>) -> bus::Result<String> {
    emit.send(Ordered { item: command.item });
    Ok(cx.traceparent().map(|parent| parent.to_string()).unwrap_or_default())
}
#[handler]
async fn ship(event: &Ordered, cx: &Context) -> bus::Result<()> {
    tracing::info!(event.item, "is shipped");
    Ok(cx.execute(Pack).await?)
}
#[handler]
async fn pack(_: Pack) -> bus::Result<()> {
    Ok(())
}
#[handler]
fn mail(_: &Ordered) -> bus::Result<()> {
    Err(bus::Error::msg("there is no mail server"))
}
/// Hangs for a while.
#[handler]
async fn check(_: &Checked) {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Each span when it is closed, and the lines of the log in them: to the standard error stream.
    let spans = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_span_events(FmtSpan::CLOSE)
        .with_filter(
            Targets::new()
                .with_default(LevelFilter::INFO)
                .with_target("bus::spans", LevelFilter::DEBUG),
        );
    tracing_subscriber::registry().with(spans).init();

    let path = std::env::temp_dir().join(format!("bus-tracing-{}.jsonl", std::process::id()));
    let log = observe::jsonl(&path).rotate_at(1 << 20).keep(1);
    let bus = Bus::builder()
        .observer(log.clone())
        .trace_history(1000)
        .track_callers(true)
        .stuck_handler_after(Duration::from_millis(50))
        .build()?;

    println!("-- a trace comes in and goes out");
    let came = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let report = bus.execute(Order { item: "lamp" }).header("traceparent", came).detailed().await;
    println!("in  {came}");
    println!("out {}", report.result?);
    bus.idle().await;

    println!("-- what followed from it");
    print!("{}", bus.trace_tree(report.command_id));

    println!("-- health");
    println!("{}", bus.health());
    bus.publish(Checked).await?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    println!("{}", bus.health());
    bus.idle().await;
    println!("{}", bus.health());

    println!("-- the file");
    bus.shutdown().await;
    log.flush(Duration::from_secs(5));
    let text = std::fs::read_to_string(&path)?;
    println!("{} lines, {} dropped; the first:", text.lines().count(), log.stats().dropped);
    println!("{}", text.lines().next().unwrap_or_default());
    std::fs::remove_file(&path)?;
    Ok(())
}
