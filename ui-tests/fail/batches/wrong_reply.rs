use std::sync::Arc;

#[bus::event]
pub struct Paid;

#[bus::handler(batch = 100)]
async fn store(events: &[Arc<Paid>]) -> Vec<Result<(), std::io::Error>> {
    events.iter().map(|_| Ok(())).collect()
}

fn main() {}
