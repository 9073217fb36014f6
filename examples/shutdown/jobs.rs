//! The jobs: who does them, and who brings them.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use bus::prelude::*;

/// Done at once.
#[event]
pub(crate) struct Thumbnail(u32);
/// Takes a while, and is worth waiting for.
#[event]
pub(crate) struct Upload(u32);
/// Goes on until it is asked to stop.
#[event]
pub(crate) struct Watch;
/// Does not listen to anybody.
#[event]
pub(crate) struct Stuck;

#[handler]
fn thumbnail(job: &Thumbnail) {
    say(format_args!("thumbnail {}", job.0));
}

#[handler(concurrency = 4)]
async fn upload(job: &Upload) {
    tokio::time::sleep(Duration::from_millis(300)).await;
    say(format_args!("upload {}", job.0));
}

#[handler(timeout = "1h")]
async fn watch(_: &Watch, cx: &Context) {
    let mut looks = 0;
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            // The drain is over: this is the time to put things in order.
            () = cx.cancelled() => break,
            _ = tick.tick() => looks += 1,
        }
    }
    say(format_args!("watch: asked to stop after {looks} looks"));
}

#[handler(timeout = "1h")]
async fn stuck(_: &Stuck) {
    std::future::pending::<()>().await;
}

/// Publishes jobs until the bus takes no more.
pub(crate) async fn produce(bus: Bus) {
    for n in 1.. {
        let published = match bus.publish(Thumbnail(n)).await {
            Ok(_) => bus.publish(Upload(n)).await.map_err(|refused| refused.kind().clone()),
            Err(refused) => Err(refused.kind().clone()),
        };
        if let Err(why) = published {
            say(format_args!("a job was given back: {why}"));
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A line on standard output. Where nobody reads it (`| head`) there is nobody to tell, and that is
/// no reason for a job to fail: `println!` would panic.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}
