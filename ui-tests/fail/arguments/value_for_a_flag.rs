#[bus::command]
pub struct Go;

#[bus::handler(blocking = true)]
fn go(_: Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
