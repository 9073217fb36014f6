#[bus::event(key = "price")]
pub struct Quoted {
    pub price: f64,
}

fn main() {}
