#[bus::command(output = u32)]
pub struct Go;

fn f(bus: bus::Bus) {
    let _ = bus.register_command_handler(|_: Go, _: bus::OwnedContext| async { bus::Result::Ok(true) });
}

fn main() {}
