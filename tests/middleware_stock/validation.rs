//! What is invalid is rejected, and all its fields are named.

use bus::middleware;
use bus::{Bus, CommandErrorKind};

use super::{Order, Ordered, bus, order};

fn of_handler(bus: &Bus, handler: &str) -> Vec<String> {
    let described = bus.describe();
    let mut handlers = described.messages.iter().flat_map(|message| &message.handlers);
    handlers.find(|described| described.name == handler).unwrap().middleware.clone()
}

#[tokio::test]
async fn validation_names_the_fields() {
    let (bus, log) = bus(|builder| builder.middleware(middleware::validation()));
    let wrong = Order { item: "", count: -1, troubles: 0 };
    let error = bus.execute(wrong).await.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::Rejected { .. }), "{error}");
    let said = "middleware validation: count must be more than 0; item.name is empty";
    assert!(error.to_string().ends_with(said), "{error}");
    let error = bus.execute(order("broken")).await.unwrap_err().to_string();
    assert!(error.ends_with("it panicked: it cannot be validated"), "{error}");
    bus.execute(order("tea")).await.unwrap();
    bus.publish(Ordered("")).await.unwrap();
    bus.idle().await;
    let said = log.take();
    let reason = "was rejected by middleware validation: item.name is empty after 0";
    assert_eq!(
        said,
        [
            "order tea".to_owned(),
            "ordered tea".into(),
            "also tea".into(),
            format!("failed ordered: {reason}"),
            format!("failed also: {reason}"),
        ]
    );
    assert_eq!(of_handler(&bus, "take_order"), ["validation"]);
    assert_eq!(of_handler(&bus, "once"), [""; 0], "it cannot be validated, and is not held up");
    let described = bus.describe();
    let order = described.messages.iter().find(|message| message.short_name == "Order").unwrap();
    assert!(order.capabilities.contains(&"Validate"), "{:?}", order.capabilities);
}
