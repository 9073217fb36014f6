#[bus::command]
pub struct Go;

#[bus::handler(timeout = 5)]
async fn go(_: Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
