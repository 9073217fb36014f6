#[bus::resource]
fn base<T: Default>() -> T {
    T::default()
}

fn main() {}
