#[derive(Debug)]
pub struct Store;

#[bus::command]
pub struct Go;

#[bus::handler]
async fn go(_: bus::Res<Store>, _: Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
