//! The forms in which sessions are used.
use std::sync::Arc;

use bus::{Bus, OwnedContext, Res, Session, SessionError, SessionId, command, event, handler};

#[command(output = usize)]
struct Import {
    rows: usize,
}
#[event]
struct Imported;

#[handler]
async fn import(command: Import, _: Option<Session>, _: Option<&Res<String>>) -> bus::Result<usize> {
    Ok(command.rows)
}
#[handler(manual)]
fn imported(_: &Imported, session: Session, name: &Res<String>) {
    assert_eq!(session.id().as_str(), name.as_str());
}

#[derive(Debug, thiserror::Error)]
enum ImportError {
    #[error("no session")]
    Session(#[from] SessionError),
}

async fn work(session: Session) -> Result<usize, ImportError> {
    Ok(session.execute(Import { rows: 1 }).await.map_or(0, |rows| rows))
}

/// The error is that of what is returned.
async fn inferred(bus: &Bus) -> bus::Result<usize> {
    bus.with_session(None, async |session| Ok(session.execute(Import { rows: 1 }).await?)).await
}

#[tokio::main]
async fn main() -> bus::Result<()> {
    let bus = Bus::from_registered()?;
    // Names.
    let id = SessionId::from("id");
    for builder in [bus.session("text"), bus.session("text".to_owned()), bus.session(&id), bus.session(id.clone()), bus.session(None)] {
        builder.open().await?.close().await;
    }
    // Closures, with borrowed captures.
    let mut rows = Vec::new();
    let name = String::from("job");
    bus.with_session(&name, async |session| -> bus::Result<()> {
        rows.push(session.execute(Import { rows: name.len() }).await?);
        Ok(())
    })
    .await?;
    assert_eq!(rows, [3]);
    assert_eq!(bus.with_session("function", work).await?, 1);
    inferred(&bus).await?;
    // Ids.
    let session = bus.session(&id).open().await?;
    bus.execute(Import { rows: 1 }).session("id").await?;
    bus.execute(Import { rows: 1 }).session(session.id()).await?;
    bus.publish(Imported).session(id.to_string()).await?;
    bus.publish(Imported).session(SessionId::BUS).await?;
    assert!(bus.find_session(&id).is_some());
    session.close().await;
    // On another thread.
    let there = bus.clone();
    let task = tokio::spawn(async move {
        there.with_session(None, |session| async move { session.execute(Import { rows: 2 }).await.map_err(bus::Error::from) }).await
    });
    assert_eq!(task.await??, 2);
    // What a session brings with it.
    let session = bus
        .session("brings")
        .provide("brings".to_owned())
        .register::<imported>()
        .on_event(|_: Arc<Imported>, _: OwnedContext| async {})
        .on_command(|command: Import, _: OwnedContext| async move { Ok::<_, bus::Error>(command.rows * 2) })
        .open()
        .await?;
    session.publish(Imported).and_wait().await?.into_result()?;
    assert_eq!(session.execute(Import { rows: 4 }).await?, 8);
    let handle: Session = session.handle();
    session.on_close(move || async move { assert!(handle.is_closed()) })?;
    assert!(session.close().await.is_clean());
    Ok(())
}
