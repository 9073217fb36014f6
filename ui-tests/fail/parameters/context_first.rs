#[bus::command]
pub struct Go;

#[bus::handler]
async fn go(_: &bus::Context, _: Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
