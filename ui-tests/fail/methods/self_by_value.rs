#[bus::command]
pub struct Go;

struct Service;

#[bus::handlers]
impl Service {
    #[bus::handler]
    async fn go(self, _: Go) -> bus::Result<()> {
        Ok(())
    }
}

fn main() {}
