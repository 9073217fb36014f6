#[bus::event(key = "id")]
pub struct Changed<K> {
    pub id: K,
}

fn main() {}
