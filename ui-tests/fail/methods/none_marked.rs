struct Service;

#[bus::handlers]
impl Service {
    fn go(&self) {}
}

fn main() {}
