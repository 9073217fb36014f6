#[bus::event(ordered, key = "order_id")]
pub struct Paid {
    pub order_id: u64,
}

fn main() {}
