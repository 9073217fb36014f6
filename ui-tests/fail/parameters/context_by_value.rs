#[bus::command]
pub struct Go;

#[bus::handler]
async fn go(_: Go, _: bus::Context) -> bus::Result<()> {
    Ok(())
}

fn main() {}
