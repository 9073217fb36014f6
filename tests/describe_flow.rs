//! What a description has seen at run time.

use bus::{Bus, Context, Emit, command, event, handler};

#[command]
struct Outer;
#[command]
struct Inner;
#[event]
struct Told;
#[handler(manual)]
async fn outer(_: Outer, cx: &Context, emit: Emit<Told>) -> bus::Result<()> {
    cx.execute(Inner).await?;
    emit.send(Told);
    Ok(())
}
#[handler(manual)]
async fn inner(_: Inner, cx: &Context) -> bus::Result<()> {
    cx.emit(Told);
    cx.publish(Forgotten).await?;
    Ok(())
}

#[event]
struct Forgotten;

/// What signatures do not show is drawn when it was seen, and marked; what they show is not marked.
#[tokio::test]
async fn what_was_seen_is_marked_in_the_graph() {
    let bus = Bus::builder()
        .without_registered()
        .handler::<outer>()
        .handler::<inner>()
        .record_flow()
        .build()
        .unwrap();
    assert_eq!(bus.describe().seen, []);
    bus.execute(Outer).await.unwrap();
    let described = bus.describe();
    let [outer, inner] = ["describe_flow::Outer", "describe_flow::Inner"];
    let told = "describe_flow::Told";
    assert_eq!(
        described.seen,
        [(inner, "describe_flow::Forgotten"), (inner, told), (outer, inner)]
    );
    let (graph, dot) = (described.to_mermaid(), described.to_dot());
    assert_eq!(graph.matches(" -.-> ").count(), 3, "{graph}");
    assert_eq!(graph.matches(" --> ").count(), 3, "{graph}");
    assert_eq!(dot.matches("[style=dashed];").count(), 3, "{dot}");
    assert!(
        described.to_string().ends_with("seen: describe_flow::Outer -> describe_flow::Inner\n")
    );
}
