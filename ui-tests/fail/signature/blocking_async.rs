#[bus::command]
pub struct Go;

#[bus::handler(blocking)]
async fn go(_: Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
