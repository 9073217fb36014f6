//! What a session carries: itself as a parameter, and resources.

use bus::{Context, RegisterError, Res, Session, SessionError, command, handler};

use super::{Price, Said, Tenant, bus, greet};

#[command(output = (String, Option<String>))]
struct Where;
#[handler]
async fn where_(
    _: Where,
    session: Session,
    maybe: Option<Session>,
) -> bus::Result<(String, Option<String>)> {
    Ok((session.id().to_string(), maybe.map(|session| session.id().to_string())))
}
#[command(output = bool)]
struct Anywhere;
#[handler]
fn anywhere(_: Anywhere, session: Option<Session>) -> bus::Result<bool> {
    Ok(session.is_some())
}

#[tokio::test(start_paused = true)]
async fn handlers_take_their_session_and_do_not_own_it() {
    let (bus, _) = bus();
    let session = bus.session("s").open().await.unwrap();
    let told = session.execute(Where).await.unwrap();
    assert_eq!(told, ("s".to_owned(), Some("s".to_owned())));
    assert!(session.execute(Anywhere).await.unwrap() && !bus.execute(Anywhere).await.unwrap());
    assert!(!session.is_closed(), "the parameter of a handler has closed it");
    let error = bus.execute(Where).await.unwrap_err();
    assert!(error.to_string().contains("take `Option<Session>`"), "{error}");
}
#[command(output = u32)]
struct Cost;
#[handler]
async fn cost(_: Cost, price: &Res<Price>, cx: &Context) -> bus::Result<u32> {
    assert_eq!(cx.resource::<Price>().unwrap().0, price.0);
    Ok(price.0)
}

#[tokio::test(start_paused = true)]
async fn what_a_session_provides_is_there_for_all_that_runs_in_it() {
    let (bus, log) = bus();
    let outer = bus.session("outer").provide(Price(2)).open().await.unwrap();
    let inner = outer.session("inner").open().await.unwrap();
    let third = inner.session("third").provide(Price(3)).open().await.unwrap();
    let costs = [
        bus.execute(Cost).await,
        outer.execute(Cost).await,
        inner.execute(Cost).await,
        third.execute(Cost).await,
    ];
    assert_eq!(costs.map(Result::unwrap), [1, 2, 2, 3]);
    assert_eq!(third.resource::<Price>().unwrap().0, 3);

    let error = bus.session("t").register::<greet>().open().await.unwrap_err();
    assert!(
        matches!(&error, SessionError::Handler(RegisterError::MissingResource { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("Tenant"), "{error}");
    assert!(bus.find_session("t").is_none(), "a session that was not opened is there");
    let session =
        bus.session("t").provide(Tenant("acme")).register::<greet>().open().await.unwrap();
    session.publish(Said("hi")).and_wait().await.unwrap();
    assert!(log.take().contains(&"hi for acme in t".to_owned()));
}

struct Maybe(u32);
#[command(output = (Option<u32>, Option<u32>))]
struct Ask;
#[handler]
async fn ask(
    _: Ask,
    one: Option<&Res<Maybe>>,
    same: Option<Res<Maybe>>,
) -> bus::Result<(Option<u32>, Option<u32>)> {
    Ok((one.map(|maybe| maybe.0), same.map(|maybe| maybe.0)))
}

/// A handler of the bus may take what only sessions provide.
#[tokio::test(start_paused = true)]
async fn a_resource_may_be_there_in_some_sessions_only() {
    let (bus, _) = bus();
    let session = bus.session("s").provide(Maybe(3)).open().await.unwrap();
    assert_eq!(bus.execute(Ask).await.unwrap(), (None, None));
    assert_eq!(session.execute(Ask).await.unwrap(), (Some(3), Some(3)));
}
