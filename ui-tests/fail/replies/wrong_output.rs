#[bus::command(output = u32)]
pub struct Go;

#[bus::handler]
async fn go(_: Go) -> bus::Result<bool> {
    Ok(true)
}

fn main() {}
