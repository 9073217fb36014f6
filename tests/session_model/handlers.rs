//! What handlers do, and what they note.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bus::OwnedContext;

use super::{Does, Ends, Record, Sent, Who};

pub(crate) type Acting = Pin<Box<dyn Future<Output = bus::Result<()>> + Send>>;

/// Boxed: what a handler does may register such a handler.
fn act(does: Does, cx: OwnedContext, record: Arc<Record>, token: Arc<()>) -> Acting {
    Box::pin(async move {
        let send = |extra: Vec<u32>| {
            let number = record.number();
            record.sent.lock().unwrap().push((number, cx.session_id(), extra));
            Sent { number, is_first: false }
        };
        match does {
            Does::Nothing => {}
            Does::Waits(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Does::Fails => return Err(bus::Error::msg("on purpose")),
            Does::Panics => std::panic::panic_any(()),
            Does::Publishes => drop(cx.publish(send(vec![])).await?),
            Does::Executes => drop(cx.execute(Who).await?),
            Does::Closes => {
                if let Some(session) = cx.session()
                    && !session.close().await.is_deferred
                {
                    record.wrong("an end was awaited inside");
                }
            }
            Does::Opens { then } => {
                let own = record.number();
                let child = cx
                    .bus()
                    .session(None)
                    .on_event(listener(own, 0, Does::Nothing, &record, &token))
                    .open()
                    .await?;
                child.publish(send(vec![own])).await?;
                tokio::time::sleep(Duration::from_millis(3)).await;
                match then {
                    Ends::Dropped => drop(child),
                    Ends::Closed => {
                        if !child.close().await.is_clean() {
                            record.wrong("an end was not clean");
                        }
                    }
                    Ends::Detached => drop(child.detach()),
                }
            }
        }
        Ok(())
    })
}

pub(crate) fn listener(
    number: u32,
    priority: i8,
    does: Does,
    record: &Arc<Record>,
    token: &Arc<()>,
) -> impl Fn(Arc<Sent>, OwnedContext) -> Acting + use<> {
    let (record, token) = (Arc::clone(record), Arc::clone(token));
    move |event, cx| {
        let (record, token) = (Arc::clone(&record), Arc::clone(&token));
        Box::pin(async move {
            record.runs.lock().unwrap().push((event.number, number, priority, cx.session_id()));
            if event.is_first { act(does, cx, record, token).await } else { Ok(()) }
        })
    }
}
