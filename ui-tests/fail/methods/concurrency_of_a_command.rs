#[bus::command]
pub struct Go;

pub struct Service;

#[bus::handlers]
impl Service {
    #[bus::handler(priority = 1, concurrency = 4)]
    async fn go(&self, _: &Go) -> bus::Result<()> {
        Ok(())
    }
}

fn main() {}
