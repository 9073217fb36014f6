//! Which types may cross threads. A change here is a change of the interface.

use bus::{
    BuildError, Builder, Bus, CommandError, CommandReport, Context, Emit, Execute, MessageId,
    OwnedContext, Publish, PublishError, Registration, Res, SessionId, ShutdownReport, WeakBus,
};

#[bus::event]
struct E;
#[bus::command]
struct C;

fn is_send_and_sync<T: Send + Sync>() {}
fn is_send<T: Send>(_: T) {}

#[test]
fn what_is_shared_is_send_and_sync() {
    is_send_and_sync::<Bus>();
    is_send_and_sync::<WeakBus>();
    is_send_and_sync::<BuildError>();
    is_send_and_sync::<CommandError<bus::Error>>();
    is_send_and_sync::<CommandReport<(), bus::Error>>();
    is_send_and_sync::<Context>();
    is_send_and_sync::<OwnedContext>();
    is_send_and_sync::<Emit<E>>();
    is_send_and_sync::<MessageId>();
    is_send_and_sync::<PublishError<E>>();
    is_send_and_sync::<Registration>();
    is_send_and_sync::<Res<String>>();
    is_send_and_sync::<SessionId>();
    is_send_and_sync::<ShutdownReport>();
}

#[test]
fn futures_may_be_spawned() {
    let bus = Bus::builder().without_registered().build().unwrap();
    is_send::<Execute<'_, C, (), bus::Error>>(bus.execute(C));
    is_send(bus.execute(C).detailed());
    is_send::<Publish<'_, E>>(bus.publish(E));
    is_send(bus.shutdown());
    is_send::<Builder>(Bus::builder());
}
