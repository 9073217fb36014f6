//! A remote service that bears two calls at a time, and tower's layers in front of it: a burst is let in as
//! far as there is room, the rest is shed at once, and what hangs is cut. Time is paused, so the story is the
//! same each time. `cargo run --example tower`

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bus::prelude::*;
use bus::{Layer, middleware};
use tower::ServiceBuilder;
use tower::load_shed::LoadShedLayer;

const SECOND: Duration = Duration::from_secs(1);

#[command(output = u32)]
struct Render {
    page: u32,
}

/// The remote service: more than two calls at a time would bring it down.
#[derive(Default)]
struct Renderer {
    busy: AtomicU32,
    most: AtomicU32,
}
#[resource]
fn renderer() -> Renderer {
    Renderer::default()
}

/// One call less, also for a call that is cut.
struct Slot<'a>(&'a AtomicU32);
impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[handler]
async fn render(render: &Render, renderer: &Res<Renderer>) -> bus::Result<u32> {
    let busy = renderer.busy.fetch_add(1, Ordering::Relaxed) + 1;
    let _slot = Slot(&renderer.busy);
    renderer.most.fetch_max(busy, Ordering::Relaxed);
    // Every fifth page hangs.
    let takes = if render.page.is_multiple_of(5) { 60 * SECOND } else { SECOND };
    tokio::time::sleep(takes).await;
    Ok(render.page)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tokio::time::pause();
    let layers = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .concurrency_limit(2)
        .timeout(2 * SECOND)
        .into_inner();
    let guarded = Layer::new(middleware::tower(layers)).on::<Render>();
    let bus = Bus::builder().middleware(guarded).build()?;

    let (mut rendered, mut shed, mut cut) = (0, 0, 0);
    for burst in 0..4 {
        let calls: Vec<_> = (1..=5)
            .map(|n| {
                let bus = bus.clone();
                tokio::spawn(async move { bus.execute(Render { page: burst * 5 + n }).await })
            })
            .collect();
        for call in calls {
            match call.await? {
                Ok(_) => rendered += 1,
                Err(error) if error.to_string().contains("overloaded") => shed += 1,
                Err(error) if error.to_string().contains("timed out") => cut += 1,
                Err(error) => return Err(error.into()),
            }
        }
        // One more, which finds room: its page hangs.
        let alone = bus.execute(Render { page: 5 }).await.map_err(|error| error.to_string());
        cut += u32::from(alone.is_err_and(|error| error.contains("timed out")));
        println!("after burst {}: {rendered} rendered, {shed} shed, {cut} cut", burst + 1);
    }
    let renderer = bus.resource::<Renderer>()?;
    let most = renderer.most.load(Ordering::Relaxed);
    println!("the renderer had at most {most} calls at a time");
    assert_eq!((rendered + shed + cut, most), (24, 2), "each call has one end");
    assert_eq!(renderer.busy.load(Ordering::Relaxed), 0, "what was cut is gone");
    bus.shutdown().await;
    Ok(())
}
