pub struct Go;

#[bus::handler]
async fn go(_: Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
