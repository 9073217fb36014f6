#[bus::command]
pub struct Pay;

fn f(bus: bus::Bus) {
    let _pays = bus.subscribe::<Pay>();
}

fn main() {}
