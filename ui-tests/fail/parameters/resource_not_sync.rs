pub struct Store(std::cell::Cell<u8>);

#[bus::command]
pub struct Go;

#[bus::handler]
async fn go(_: Go, _: &bus::Res<Store>) -> bus::Result<()> {
    Ok(())
}

fn main() {}
