//! Handlers that are registered in a session, one by one and on many threads.

use std::sync::Arc;

use bus::{Bus, HandlerOptions, RegisterError};

use super::{Said, Tenant, Who, answers, bus, greet, said};

#[tokio::test(start_paused = true)]
async fn a_session_has_one_handler_of_a_command_unless_one_outranks_it() {
    let (bus, _) = bus();
    let session = bus.session("s").on_command(answers("first")).open().await.unwrap();
    let refused = session.register_command_handler(answers("second")).unwrap_err();
    assert!(matches!(refused, RegisterError::AlreadyHandled { .. }), "{refused}");
    let higher = HandlerOptions::new().priority(1);
    let second = session.register_command_handler_with(higher, answers("second")).unwrap().scoped();
    assert_eq!(session.execute(Who).await.unwrap(), "second in s");
    drop(second);
    assert_eq!(session.execute(Who).await.unwrap(), "first in s");
}

/// Handlers come and go, and sessions open and end, on several threads while messages are sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn registries_change_on_all_threads_while_messages_are_sent() {
    let (bus, _) = bus();
    let tasks = (0..8_u32).map(|task| {
        let bus = bus.clone();
        tokio::spawn(async move {
            for n in 0..200_u32 {
                let session = bus.session(format!("{task}-{n}")).open().await.unwrap();
                let own = session.register_command_handler(answers("own")).unwrap();
                assert!(session.execute(Who).await.unwrap().starts_with("own"));
                own.unregister();
                assert!(session.execute(Who).await.unwrap().starts_with("bus"));
                let on_bus =
                    bus.register_event_handler(|_: Arc<Said>, _| std::future::ready(())).unwrap();
                session.publish(Said("x")).await.unwrap();
                on_bus.unregister();
                if n % 2 == 0 {
                    assert!(session.close().await.is_clean());
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    bus.idle().await;
    let stats = bus.stats();
    assert_eq!((stats.sessions_open, stats.sessions_opened, stats.sessions_cut), (0, 1600, 0));
    assert!(bus.shutdown().await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_not_registered_twice_around_a_session() {
    let (bus, _) = bus();
    let session =
        bus.session("s").provide(Tenant("acme")).register::<greet>().open().await.unwrap();
    let twice = session.register::<greet>().unwrap_err();
    assert!(matches!(twice, RegisterError::AlreadyRegistered { .. }), "{twice}");
    let of_bus = session.register::<said>().unwrap_err();
    assert!(matches!(of_bus, RegisterError::AlreadyRegistered { .. }), "{of_bus}");
    assert!(bus.register::<said>().is_err());
    let without = Bus::builder().without::<said>().build().unwrap();
    assert!(without.session("s").register::<said>().open().await.is_ok());
}
