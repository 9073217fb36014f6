#[bus::command]
pub struct Go;

#[bus::handler]
async fn go(_: Go, _: u32) -> bus::Result<()> {
    Ok(())
}

fn main() {}
