#[bus::command(output = u32)]
pub struct Go;

#[bus::handler]
async fn go(_: Go) -> u32 {
    1
}

fn main() {}
