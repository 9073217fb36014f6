//! Errors: those of the handler, panics, chains without end, and a command that nobody handles.

use bus::{Bus, CommandErrorKind, Context, command, handler};

use super::{Say, bus};

#[derive(Debug, thiserror::Error, PartialEq)]
#[error("no stock of {0}")]
struct NoStock(&'static str);

#[command(output = u32, error = NoStock)]
struct Order {
    item: &'static str,
}

#[handler]
async fn order(command: Order) -> Result<u32, NoStock> {
    match command.item {
        "pens" => Ok(7),
        item => Err(NoStock(item)),
    }
}

#[tokio::test]
async fn output_and_error_come_back_typed() {
    let bus = bus();
    assert_eq!(bus.execute(Order { item: "pens" }).await.unwrap(), 7);
    let error = bus.execute(Order { item: "ink" }).await.unwrap_err();
    assert_eq!(error.handler_error(), Some(&NoStock("ink")));
    assert_eq!(error.to_string(), "command commands::errors::Order failed: no stock of ink");
    assert_eq!(error.attempts(), 1);
    assert_eq!(error.into_handler_error().unwrap(), NoStock("ink"));
}

#[command]
struct Explode {
    when: &'static str,
}
#[handler]
async fn explode(command: Explode) -> bus::Result<()> {
    if command.when == "later" {
        tokio::task::yield_now().await;
    }
    panic!("boom {}", command.when)
}
#[command]
struct ExplodePlain;
#[handler]
fn explode_plain(_: ExplodePlain) -> bus::Result<()> {
    panic!("boom plain")
}
#[command]
struct ExplodeBlocking;
#[handler(blocking)]
fn explode_blocking(_: ExplodeBlocking) -> bus::Result<()> {
    panic!("boom blocking")
}

#[tokio::test]
async fn a_panic_becomes_an_error_with_the_handlers_place() {
    let bus = bus();
    for when in ["now", "later"] {
        let error = bus.execute(Explode { when }).await.unwrap_err();
        let text = error.to_string();
        let CommandErrorKind::Panicked { message, handler, file, line } = error.kind() else {
            panic!("not a panic: {error:?}")
        };
        assert_eq!(message, &format!("boom {when}"));
        assert_eq!((&**handler, *file), ("explode", file!()));
        assert!(*line > 0 && text.contains(&format!("{file}:{line}")), "no place in: {text}");
    }
    for error in [
        bus.execute(ExplodePlain).await.unwrap_err(),
        bus.execute(ExplodeBlocking).await.unwrap_err(),
    ] {
        assert!(matches!(error.kind(), CommandErrorKind::Panicked { .. }), "not a panic: {error}");
    }
    assert_eq!(bus.execute(Say("alive")).await.unwrap(), "alive");
    assert_eq!(bus.stats().commands_in_flight, 0);
}

#[command]
struct Ping;
#[command]
struct Pong;
#[handler]
async fn ping(_: Ping, cx: &Context) -> bus::Result<()> {
    Ok(cx.execute(Pong).await?)
}
#[handler]
async fn pong(_: Pong, bus: Bus) -> bus::Result<()> {
    Ok(bus.execute(Ping).await?)
}

#[tokio::test]
async fn commands_that_execute_each_other_end_with_their_chain() {
    let error = bus().execute(Ping).await.unwrap_err();
    let mut source: &dyn std::error::Error = &error;
    while let Some(next) = source.source() {
        source = next;
    }
    let text = error.to_string();
    assert!(
        text.contains("64 deep, the limit: commands::errors::Ping -> commands::errors::Pong -> commands::errors::Ping"),
        "{text}"
    );
}

#[command]
struct ReadConfig;
#[handler]
fn read_config(_: ReadConfig) -> bus::Result<()> {
    let text = std::str::from_utf8(std::hint::black_box(&[0xff]))?;
    let _: u8 = text.parse()?;
    Err(bus::Error::msg("unreachable"))
}

#[tokio::test]
async fn the_default_error_takes_any_by_question_mark_and_keeps_it() {
    let error = bus().execute(ReadConfig).await.unwrap_err();
    let inner = error.handler_error().expect("the handler's own");
    assert!(inner.downcast_ref::<std::str::Utf8Error>().is_some(), "{inner:?}");
    let boxed: Box<dyn std::error::Error + Send + Sync> = error.into();
    assert!(
        boxed.to_string().starts_with("command commands::errors::ReadConfig failed: invalid utf-8")
    );
}

#[command]
struct NobodyAnswers;

#[tokio::test]
async fn no_handler_names_the_fix() {
    let error = bus().execute(NobodyAnswers).await.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::NoHandler));
    assert_eq!(error.attempts(), 0);
    let text = error.to_string();
    assert!(text.contains("#[bus::handler]") && text.contains("bus::link!"), "{text}");
}
