#[bus::command]
pub struct Go;

#[bus::handler]
#[bus::resource]
fn go(_: Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
