#[bus::command]
pub struct Go;

#[bus::handler]
async fn go(_: &'static Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
