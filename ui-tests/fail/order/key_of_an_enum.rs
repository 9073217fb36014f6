#[bus::event(key = "order")]
pub enum Moved {
    Sent { order: u64 },
    Arrived { order: u64 },
}

fn main() {}
