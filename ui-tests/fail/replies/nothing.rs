#[bus::command]
pub struct Go;

#[bus::handler]
async fn go(_: Go) {}

fn main() {}
