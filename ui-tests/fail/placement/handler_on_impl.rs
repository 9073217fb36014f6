#[bus::command]
pub struct Go;

struct Service;

#[bus::handler]
impl Service {
    async fn go(&self, _: Go) -> bus::Result<()> {
        Ok(())
    }
}

fn main() {}
