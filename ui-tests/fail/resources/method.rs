struct Base;

impl Base {
    #[bus::resource]
    fn base(&self) -> u8 {
        1
    }
}

fn main() {}
