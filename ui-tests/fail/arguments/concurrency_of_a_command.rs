#[bus::command]
pub struct Go;

#[bus::handler(concurrency = 4)]
async fn go(_: Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
