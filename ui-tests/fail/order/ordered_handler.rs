#[bus::event]
pub struct Paid {
    pub order_id: u64,
}

#[bus::handler(key = "order_id")]
async fn ship(_: &Paid) {}

fn main() {}
