#[bus::command]
pub struct Go;

#[bus::handlers]
async fn go(_: Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
