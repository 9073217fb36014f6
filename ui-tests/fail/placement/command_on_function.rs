#[bus::command]
fn go() {}

fn main() {}
