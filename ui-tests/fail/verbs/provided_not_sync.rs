fn f() {
    let _ = bus::Bus::builder().provide(std::cell::Cell::new(1_u8));
}

fn main() {}
