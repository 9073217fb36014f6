//! A shop that writes down all that happens in it: one handler for events of any type, a file with a line of JSON
//! for each, a view that is too slow to see them all, and a caller that waits for an answer.
//! `cargo run --example audit`

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bus::prelude::*;
use bus::{AnyEvent, JsonError, MessageId, Subscription};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

#[event]
#[derive(Serialize)]
struct OrderPlaced {
    order: u32,
    cents: u64,
}
/// For others too, under a name that stays.
#[event(kind = integration, name = "shop.order_shipped")]
#[derive(Serialize)]
struct OrderShipped {
    order: u32,
}
/// A question, and its answer.
#[event]
#[derive(Serialize)]
struct PriceAsked {
    item: String,
}
#[event]
#[derive(Serialize)]
struct PriceTold {
    item: String,
    cents: u64,
}
/// Is not `Serialize`.
#[event(kind = system)]
struct CacheCleared;

#[handler]
async fn ship(event: &OrderPlaced, emit: Emit<OrderShipped>) {
    tokio::task::yield_now().await;
    emit.send(OrderShipped { order: event.order });
}

/// Knows the price of one item.
#[handler]
async fn tell_price(event: &PriceAsked, emit: Emit<PriceTold>) {
    sleep(Duration::from_millis(10)).await;
    if event.item == "lamp" {
        emit.send(PriceTold { item: event.item.clone(), cents: 2_900 });
    }
}

/// A line of the log.
#[derive(Serialize, Deserialize)]
struct Line {
    at_ms: u128,
    id: String,
    event: String,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<serde_json::Value>,
}

/// Hears all events, also those of types that are written tomorrow. A plain `fn` above the others: the lines
/// are in the order of the queue.
#[handler(priority = 100)]
fn audit(event: &AnyEvent, log: &Res<AuditLog>) -> bus::Result<()> {
    let data = match event.json() {
        Ok(data) => Some(data),
        // It is logged by its name alone.
        Err(JsonError::NotSerialize { .. }) => None,
        Err(refused) => return Err(refused.into()),
    };
    let session = Some(event.session_id()).filter(|session| **session != SessionId::BUS);
    log.write(&Line {
        at_ms: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis(),
        id: event.id().to_string(),
        event: event.name().to_owned(),
        kind: event.kind().to_string(),
        session: session.map(|session| session.as_str().to_owned()),
        data,
    })?;
    Ok(())
}

struct AuditLog(Mutex<BufWriter<File>>);

impl AuditLog {
    fn create(path: &Path) -> io::Result<Self> {
        Ok(Self(Mutex::new(BufWriter::new(File::create_new(path)?))))
    }

    fn file(&self) -> MutexGuard<'_, BufWriter<File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, line: &Line) -> io::Result<()> {
        let mut file = self.file();
        serde_json::to_writer(&mut *file, line)?;
        file.write_all(b"\n")
    }
}

/// What a slow reader sees: how many events, and how many it was too late for.
async fn view(mut events: Subscription<AnyEvent>) -> (u64, u64) {
    let mut seen = 0;
    while events.recv().await.is_some() {
        seen += 1;
        sleep(Duration::from_millis(5)).await;
    }
    (seen, events.missed())
}

/// Publishes the question and waits for the answer to it, for a while.
async fn price(bus: &Bus, item: &str) -> Result<Option<u64>, Box<dyn std::error::Error>> {
    let asked = item.to_owned();
    // It listens from here on, so the answer cannot come too early.
    let answer = bus.wait_for::<PriceTold>(move |told| told.item == asked);
    bus.publish(PriceAsked { item: item.to_owned() }).await?;
    match timeout(Duration::from_millis(500), answer).await {
        Ok(told) => Ok(Some(told?.cents)),
        Err(_) => Ok(None),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Folder::new()?;
    let path = folder.0.join("audit.ndjson");
    let bus = Bus::builder().provide(AuditLog::create(&path)?).build()?;
    let view = tokio::spawn(view(bus.subscribe::<AnyEvent>().keep(10)));

    let mut published: Vec<MessageId> = Vec::new();
    published.push(bus.publish(CacheCleared).await?.id);
    for order in 1..=100 {
        let cents = u64::from(order) * 100;
        published.push(bus.publish(OrderPlaced { order, cents }).await?.id);
    }
    let session = bus.session("till-1").open().await?;
    published.push(session.publish(OrderPlaced { order: 101, cents: 5 }).await?.id);
    session.close().await;
    for item in ["lamp", "sofa"] {
        match price(&bus, item).await? {
            Some(cents) => println!("a {item} costs {cents} cents"),
            None => println!("nobody tells what a {item} costs"),
        }
    }

    // Ends the view too: there is nothing to be heard any more.
    let report = bus.shutdown().await;
    bus.resource::<AuditLog>()?.file().flush()?;
    let (seen, missed) = view.await?;
    let accepted = bus.stats().published;
    println!("of {accepted} the view has seen {seen} and missed {missed} events");
    check(&path, accepted, seen + missed, &published)?;
    println!("{report}");
    Ok(())
}

/// Reads the log back: is each event there once?
fn check(
    path: &Path,
    accepted: u64,
    heard: u64,
    published: &[MessageId],
) -> Result<(), Box<dyn std::error::Error>> {
    let lines = BufReader::new(File::open(path)?).lines();
    let lines = lines.map(|line| Ok(serde_json::from_str(&line?)?));
    let lines = lines.collect::<Result<Vec<Line>, io::Error>>()?;
    let ids: BTreeSet<_> = lines.iter().map(|line| &line.id).collect();
    let missing = published.iter().filter(|id| !ids.contains(&id.to_string())).count();
    let mut by_name: BTreeMap<_, (u32, u32)> = BTreeMap::new();
    for line in &lines {
        let (count, with_data) = by_name.entry(&line.event).or_default();
        *count += 1;
        *with_data += u32::from(line.data.is_some());
    }
    println!("{} lines, {} ids, {missing} missing", lines.len(), ids.len());
    for (name, (count, with_data)) in by_name {
        println!("    {name:<24} {count:>4}, {with_data} with data");
    }
    let of_session = lines.iter().filter(|line| line.session.as_deref() == Some("till-1"));
    println!("    in the session till-1: {}", of_session.count());
    let count = u64::try_from(lines.len())?;
    if count != accepted || ids.len() != lines.len() || missing > 0 || heard != accepted {
        return Err("an event is not there, or is there twice".into());
    }
    Ok(())
}

/// Where the log is. Is gone with this.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("audit-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
