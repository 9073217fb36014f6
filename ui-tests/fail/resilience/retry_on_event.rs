#[bus::event(retry(max_retries = 5))]
pub struct Paid;

fn main() {}
