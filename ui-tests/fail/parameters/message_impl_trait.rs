#[bus::handler]
async fn go(_: impl bus::Command) -> bus::Result<()> {
    Ok(())
}

fn main() {}
