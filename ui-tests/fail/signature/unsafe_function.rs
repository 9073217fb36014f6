#[bus::command]
pub struct Go;

#[bus::handler]
unsafe fn go(_: Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
