//! What reaches the handler with the command, and what is reported beside its result.

use std::time::Duration;

use bus::{Bus, Context, OwnedContext, Principal, command, handler};

use super::{HangHandler, Say, bus};

#[command(output = Vec<String>)]
struct WhoAmI;
#[handler]
async fn who_am_i(_: WhoAmI, cx: &Context) -> bus::Result<Vec<String>> {
    cx.insert(5_u8);
    Ok(vec![
        cx.session_id().to_string(),
        cx.principal().map_or_else(String::new, |p| p.id().to_owned()),
        cx.header("k").unwrap_or("none").to_owned(),
        format!("{:?}", cx.get::<u8>()),
        (cx.correlation_id() == cx.id()).to_string(),
        cx.causation_id().is_some().to_string(),
    ])
}
#[command(output = (Vec<String>, bool))]
struct Ask;
#[handler]
async fn ask(_: Ask, cx: &Context, bus: Bus) -> bus::Result<(Vec<String>, bool)> {
    // A clone of the bus inherits as the context does.
    let through_bus = bus.execute(WhoAmI).await?;
    let through_context = cx.execute(WhoAmI).await?;
    Ok((through_context.clone(), through_bus == through_context))
}

#[tokio::test]
async fn options_reach_the_handler_and_children_inherit_what_they_should() {
    let bus = bus();
    let _job = bus.session("job").open().await.unwrap();
    let principal = Principal::new("ada").with_role("admin");
    let root =
        bus.execute(WhoAmI).header("k", "v").session("job").principal(principal.clone()).await;
    assert_eq!(root.unwrap(), ["job", "ada", "v", "Some(5)", "true", "false"]);
    let child = bus.execute(Ask).header("k", "v").session("job").principal(principal).await;
    let (child, same) = child.unwrap();
    assert_eq!(
        child,
        ["job", "ada", "none", "Some(5)", "false", "true"],
        "headers are not inherited"
    );
    assert!(same, "a `Bus` inside a handler inherited something else than `&Context`");
    assert_eq!(bus.execute(WhoAmI).await.unwrap()[0], "BUS");
}

#[tokio::test(start_paused = true)]
async fn detailed_reports_beside_the_result() {
    let bus = bus();
    let report = bus.execute(HangHandler).header("k", "v").detailed().await;
    assert!(!report.success && report.result.is_err());
    assert_eq!(report.duration, Duration::from_secs(1));
    assert_eq!(report.attempts, 1);
    assert_eq!(report.metadata.get("k"), Some("v"));
    let report = bus.execute(Say("x")).detailed().await;
    assert!(report.success);
    assert_eq!(report.result.unwrap(), "x");
}

fn _an_owned_context_goes_anywhere(cx: OwnedContext) {
    std::thread::spawn(move || drop(cx));
}
