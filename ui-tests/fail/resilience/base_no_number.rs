#[bus::command(retry(exponential_base = f64::NAN))]
pub struct Pay;

fn main() {}
