//! Who may send what.

use bus::middleware::{self, Denied};
use bus::{Layer, Principal};

use super::{Once, Order, Ordered, bus, order};

#[tokio::test]
async fn a_policy_sees_the_principal_and_the_message() {
    let small = middleware::authorize(|call| match call.get::<Order>() {
        Some(order) if order.item == "broken" => panic!("no idea"),
        Some(order) if order.count > 10 => Err(Denied::new("ask a manager")),
        _ => Ok(()),
    });
    let (bus, log) = bus(|builder| {
        builder
            .middleware(Layer::new(middleware::require_role("clerk")).on::<Order>().priority(1))
            .middleware(small)
            .middleware(Layer::new(middleware::require_principal()).on::<Ordered>())
            .middleware(Layer::new(middleware::authorize(|_| false).named("never")).on::<Once>())
    });
    let clerk = || Principal::new("ada").with_role("clerk");
    let refused = async |order: Order, principal: Option<Principal>| {
        let call = bus.execute(order);
        let call = match principal {
            Some(principal) => call.principal(principal),
            None => call,
        };
        let error = call.await.unwrap_err().to_string();
        error.split_once("middleware ").unwrap().1.to_owned()
    };
    let many = Order { item: "tea", count: 11, troubles: 0 };
    assert_eq!(
        [
            refused(order("tea"), None).await,
            refused(order("tea"), Some(Principal::new("bob"))).await,
            refused(many, Some(clerk())).await,
            refused(order("broken"), Some(clerk())).await,
        ],
        [
            "require role clerk: it is made on behalf of nobody",
            "require role clerk: bob has not that role",
            "authorize: ask a manager",
            "authorize: it panicked: no idea",
        ]
    );
    let never = bus.execute(Once).await.unwrap_err().to_string();
    assert!(never.ends_with("never: not allowed"), "{never}");
    assert_eq!(log.take(), [""; 0], "no handler was called");
    // What a handler emits is on behalf of the same principal.
    bus.execute(order("tea")).principal(clerk()).await.unwrap();
    bus.idle().await;
    assert_eq!(log.take(), ["order tea", "ordered tea", "also tea"]);
}
