#[bus::handler]
struct Go;

fn main() {}
