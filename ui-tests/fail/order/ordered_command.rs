#[bus::command(ordered)]
pub struct Pay {
    pub order_id: u64,
}

fn main() {}
