use bus::Bus;

struct Audit;

fn main() {
    let _ = Bus::builder().middleware(Audit).build();
}
