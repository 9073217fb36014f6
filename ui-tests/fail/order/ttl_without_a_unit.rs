#[bus::event(ttl = "90")]
pub struct Quoted {
    pub cents: u64,
}

fn main() {}
