#[bus::command]
pub struct Go;

#[bus::handler]
#[bus::handler]
async fn go(_: Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
