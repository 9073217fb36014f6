#[bus::command]
pub struct Go;

#[bus::handler]
async fn one(_: Go) -> bus::Result<()> {
    Ok(())
}

#[bus::handler]
async fn two(_: &Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
