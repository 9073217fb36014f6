#[bus::command]
pub struct Go;

struct Service;

#[bus::handlers]
impl Service {
    #[bus::handler]
    async fn go(&mut self, _: Go) -> bus::Result<()> {
        Ok(())
    }
}

fn main() {}
