//! What an export takes: the memory of a page, whatever the bus has. The one test of its binary.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::{self, Write};

use std::sync::Arc;

use bus::{
    Bus, CircuitBreakerConfig, Context, EventFilter, HandlerOptions, OwnedContext, command,
    filters, handler,
};

struct Counting;

thread_local! {
    /// Allocated now, and at most since it was last set.
    static BYTES: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

fn add(bytes: isize) {
    let _ = BYTES.try_with(|cell| {
        let (now, most) = cell.get();
        cell.set((now + bytes, most.max(now + bytes)));
    });
}

// SAFETY: hands everything on to the system's allocator.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        add(-layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes at most, at any time of the work.
fn most(work: impl FnOnce()) -> usize {
    BYTES.set((0, 0));
    work();
    BYTES.get().1.try_into().unwrap()
}

/// Counts what is written, and keeps nothing.
struct Length(usize);
impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

/// A thousand types of messages in ten modules of ten of ten, and a function that emits one of each.
macro_rules! thousand {
    ($($hundred:ident)*) => {
        $( mod $hundred { hundred!(a b c d e f g h i j); } )*
        fn emit_all(cx: &Context) { $( $hundred::emit(cx); )* }
    };
}
macro_rules! hundred {
    ($($ten:ident)*) => {
        $( pub(super) mod $ten { ten!(A B C D E F G H I J); } )*
        pub(super) fn emit(cx: &bus::Context) { $( $ten::emit(cx); )* }
    };
}
macro_rules! ten {
    ($($one:ident)*) => {
        $( #[bus::event] pub(crate) struct $one; )*
        pub(crate) fn emit(cx: &bus::Context) { $( cx.emit($one); )* }
    };
}
thousand!(a b c d e f g h i j);

#[command]
struct Emit {
    all: bool,
}
#[handler]
fn emit(emit: &Emit, cx: &Context) -> bus::Result<()> {
    if emit.all {
        emit_all(cx);
    } else {
        a::a::emit(cx);
    }
    Ok(())
}

fn handle(bus: &Bus, n: usize) {
    let options = HandlerOptions::default().name(format!("handler {n}"));
    let options = options.circuit_breaker(CircuitBreakerConfig::default());
    bus.register_event_handler_with(options, |_: Arc<a::a::A>, _: OwnedContext| async {}).unwrap();
}

/// What a bus takes to be written, in each format, and how long the text is.
fn exports(bus: &Bus) -> [(usize, usize); 3] {
    let metrics = bus.metrics();
    let mut lengths = [Length(0), Length(0), Length(0)];
    let [prometheus, openmetrics, json] = &mut lengths;
    let most = [
        most(|| metrics.write_prometheus(prometheus).unwrap()),
        most(|| metrics.write_openmetrics(openmetrics).unwrap()),
        most(|| metrics.write_json(json).unwrap()),
    ];
    [0, 1, 2].map(|at| (most[at], lengths[at].0))
}

#[tokio::test]
async fn an_export_takes_no_more_memory_of_a_thousand_messages() {
    let small = Bus::from_registered().unwrap();
    small.execute(Emit { all: false }).await.unwrap();
    (0..10).for_each(|n| handle(&small, n));
    let filters = (0..1000).map(|n| filters::name(format!("noise{n}")).not());
    let large = filters.fold(Bus::builder(), bus::Builder::filter).build().unwrap();
    (0..1000).for_each(|n| handle(&large, n));
    large.execute(Emit { all: true }).await.unwrap();
    large.idle().await;
    for ((few, short), (many, long)) in exports(&small).into_iter().zip(exports(&large)) {
        assert!(long > 30 * short, "{short} and {long} bytes of text");
        assert!(many < few + 16_384, "{few} bytes for ten types, and {many} for a thousand");
        assert!(many < 65_536, "{many}");
    }
}
