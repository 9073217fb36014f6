#[bus::command]
pub struct Go;

#[bus::handler]
async fn go(_: &mut Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
