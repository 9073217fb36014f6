#[bus::handler]
async fn go() {}

fn main() {}
