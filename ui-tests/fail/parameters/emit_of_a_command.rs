#[bus::command]
pub struct Go;

#[bus::command]
pub struct Next;

#[bus::handler]
async fn go(_: Go, _: bus::Emit<Next>) -> bus::Result<()> {
    Ok(())
}

fn main() {}
