//! The handlers, and what they do.

use bus::{Emit, Error, EventHandlerFailedEvent, Res, event, handler};

use super::{Happened, How, Work, World};

#[event]
struct Done;

/// Says so if the handler is dropped before its end.
struct Guard<'w>(&'w World, bool);
impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.1 {
            self.0.say("handler dropped".to_owned());
        }
    }
}

async fn handle(world: &World, emit: Emit<Done>) -> Result<(), Error> {
    let mut guard = Guard(world, true);
    world.say("handler".to_owned());
    emit.send(Done);
    tokio::task::yield_now().await;
    if world.how == How::Hangs {
        std::future::pending::<()>().await;
    }
    guard.1 = false;
    match world.how {
        How::Fails => Err(Error::msg("it does")),
        How::Panics => panic!("it does"),
        How::Well | How::Hangs => Ok(()),
    }
}

#[handler(timeout = "1s")]
async fn work(_: &Work, world: &Res<World>, emit: Emit<Done>) -> Result<(), Error> {
    handle(world, emit).await
}
#[handler(timeout = "1s")]
async fn happened(_: &Happened, world: &Res<World>, emit: Emit<Done>) -> Result<(), Error> {
    handle(world, emit).await
}
#[handler]
fn done(_: &Done, world: &Res<World>) {
    *world.done.lock().unwrap() += 1;
}
#[handler]
fn failed(event: &EventHandlerFailedEvent, world: &Res<World>) {
    world.failed.lock().unwrap().push(event.error.clone());
}
