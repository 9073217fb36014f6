#[bus::command]
pub struct Go;

mod go {}

#[bus::handler]
async fn go(_: Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
