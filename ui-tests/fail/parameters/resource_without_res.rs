pub struct Store;

#[bus::command]
pub struct Go;

#[bus::handler]
async fn go(_: Go, _: &Store) -> bus::Result<()> {
    Ok(())
}

fn main() {}
