#[bus::command]
pub struct Go;

fn go(_: Go) {}
struct NoHandler;

fn f(bus: bus::Bus) {
    let _ = bus.register::<NoHandler>();
}

fn main() {}
