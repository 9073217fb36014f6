#[bus::event(key = "ordr_id")]
pub struct Paid {
    pub order_id: u64,
}

fn main() {}
