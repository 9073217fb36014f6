#[bus::command]
pub struct Go;

#[bus::handler]
extern "C" fn go(_: Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
