//! Middleware around commands and around each (event, handler) pair: order, short-circuit, replaced
//! outcomes, panics and cancels in every place of a chain.

use std::sync::Mutex;

use bus::{
    Bus, Call, Context, Handled, Layer, Middleware, Next, Res, async_trait, command, event,
    handler, middleware,
};

#[derive(Debug, Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn say(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[command(output = u32)]
#[derive(Clone)]
struct Double(u32);

#[handler]
async fn double(command: Double, cx: &Context, log: &Res<Log>) -> bus::Result<u32> {
    log.say(format!("double {} {:?}", command.0, cx.header("by")));
    tokio::task::yield_now().await;
    Ok(command.0 * 2)
}

#[event]
struct Rang(u32);

#[handler(priority = 1)]
async fn first(event: &Rang, log: &Res<Log>) {
    log.say(format!("first {}", event.0));
}
#[handler(middleware = [own, Named("made")])]
fn second(event: &Rang, log: &Res<Log>) {
    log.say(format!("second {}", event.0));
}

#[middleware(manual)]
async fn own(call: &mut Call<'_>, next: Next, log: &Res<Log>) -> Handled {
    log.say("own");
    next.run(call).await
}

struct Named(&'static str);
#[async_trait]
impl Middleware for Named {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let log = call.context().resource::<Log>().unwrap();
        log.say(format!("{} in", self.0));
        let handled = next.run(call).await;
        log.say(format!("{} out {}", self.0, call.ended().unwrap()));
        handled
    }
    fn name(&self) -> std::borrow::Cow<'static, str> {
        self.0.into()
    }
}

#[tokio::test]
async fn the_outermost_comes_first() {
    let bus = Bus::builder()
        .provide(Log::default())
        .middleware(Named("a"))
        .middleware(Layer::new(Named("b")).priority(1).on_commands())
        .middleware(Layer::new(Named("c")).per_attempt())
        .build()
        .unwrap();
    assert_eq!(bus.execute(Double(2)).header("by", "me").await.unwrap(), 4);
    let log = bus.resource::<Log>().unwrap();
    assert_eq!(
        log.take(),
        [
            "b in",
            "a in",
            "c in",
            "double 2 Some(\"me\")",
            "c out ended well",
            "a out ended well",
            "b out ended well"
        ]
    );
    bus.publish(Rang(1)).await.unwrap();
    bus.idle().await;
    let (first, second) = (
        ["a in", "c in", "first 1", "c out ended well", "a out ended well"],
        [
            "a in",
            "own",
            "made in",
            "c in",
            "second 1",
            "c out ended well",
            "made out ended well",
            "a out ended well",
        ],
    );
    assert_eq!(log.take(), [&first[..], &second[..]].concat());
}
