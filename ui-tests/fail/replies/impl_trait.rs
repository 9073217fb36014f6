#[bus::command]
pub struct Go;

#[bus::handler]
fn go(_: Go) -> impl Future<Output = bus::Result<()>> {
    async { Ok(()) }
}

fn main() {}
