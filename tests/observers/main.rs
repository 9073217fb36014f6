//! Observers: what they are told, in which order, with which ids; and that nobody else notices them.

mod observing;
mod told;

use std::sync::{Arc, Mutex};

use bus::prelude::*;
use bus::{FilterView, Happening, MessageId, Observer, What};

/// What was told: the kind with what matters of it, the id and the parent's id.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Told>>>);
type Told = (String, Option<MessageId>, Option<MessageId>);

impl Seen {
    fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
    /// The kinds alone.
    fn kinds(&self) -> Vec<String> {
        self.take().into_iter().map(|(kind, ..)| kind).collect()
    }
}

impl Observer for Seen {
    fn observe(&self, happening: &Happening<'_>) {
        let name = happening.message().map_or("-", |message| message.short_name());
        let handler =
            |h: Option<&bus::HandlerInfo>| h.map_or(String::new(), |h| h.name.to_string());
        let kind = match happening.what() {
            What::Executing { handler, .. } => format!("executing {}", handler.name),
            What::Executed { attempts, error, .. } => {
                format!("executed {attempts} {}", if error.is_some() { "err" } else { "ok" })
            }
            What::Handling { handler, attempt, batch, .. } => {
                let batch = if batch.is_some() { " in a batch" } else { "" };
                format!("handling {} {attempt}{batch}", handler.name)
            }
            What::Handled { handler, attempts, error, .. } => {
                let how = if error.is_some() { "err" } else { "ok" };
                format!("handled {} {attempts} {how}", handler.name)
            }
            What::Retrying { attempt, after, delayed, error, .. } => {
                format!("retrying {attempt} {after:?} {delayed} {error}")
            }
            What::DeadLettered { handler, .. } => format!("dead {}", handler.name),
            What::Filtered { by, handler: of, .. } => {
                format!("filtered {} {}", by.rsplit("::").next().unwrap(), handler(*of))
            }
            What::Dropped { reason, count, .. } => format!("dropped {count} {reason:?}"),
            What::Published { outcome, .. } => format!("published {outcome:?}"),
            What::Rejected { why, .. } => format!("rejected {why}"),
            What::QueueMark { mark, .. } => format!("mark {mark:?}"),
            What::CircuitChanged { circuit, change, .. } => {
                format!("circuit {circuit} {:?}", change.to)
            }
            What::SessionEnded { error, .. } => format!("session ended {error:?}"),
            other => format!("{other:?}").split([' ', '{']).next().unwrap().to_lowercase(),
        };
        let kind = format!("{name} {kind}").trim_end().to_owned();
        self.0.lock().unwrap().push((kind, happening.id(), happening.parent()));
    }
    fn name(&self) -> std::borrow::Cow<'static, str> {
        "seen".into()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no luck")]
struct NoLuck;

#[command(output = (), error = NoLuck, retry(max_retries = 1, initial_delay = "10ms", jitter = none))]
struct Order(u32);
#[handler]
async fn order(command: &Order, cx: &Context, emit: Emit<Ordered>) -> Result<(), NoLuck> {
    emit.send(Ordered(command.0));
    if command.0 > 100 || (command.0 > 10 && cx.attempt() == 1) { Err(NoLuck) } else { Ok(()) }
}

#[event]
struct Ordered(u32);
#[handler(priority = 2)]
async fn ship(_: &Ordered, cx: &Context) {
    cx.publish(Shipped).await.unwrap();
}
fn is_dear(view: &FilterView<'_>) -> bool {
    view.get::<Ordered>().is_some_and(|ordered| ordered.0 > 5)
}
#[handler(priority = 1, filter = is_dear)]
async fn check(_: &Ordered) {}

#[event]
struct Shipped;

fn build(set: impl FnOnce(bus::Builder) -> bus::Builder) -> (Bus, Seen) {
    let seen = Seen::default();
    let builder = Bus::builder().only("observers").observer(seen.clone());
    (set(builder).build().unwrap(), seen)
}

fn kinds(all: &[Told]) -> Vec<&str> {
    all.iter().map(|(kind, ..)| &**kind).collect()
}
