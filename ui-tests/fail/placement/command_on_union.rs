#[bus::command]
union Go {
    a: u8,
    b: i8,
}

fn main() {}
