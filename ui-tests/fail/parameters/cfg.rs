#[bus::command]
pub struct Go;

#[bus::handler]
async fn go(_: Go, #[cfg(test)] _: bus::Bus) -> bus::Result<()> {
    Ok(())
}

fn main() {}
