#[bus::command]
pub struct Go;

#[bus::handler(output = u8)]
async fn go(_: Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
