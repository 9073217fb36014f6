#[bus::command]
pub struct Go;

struct Service<T>(T);

#[bus::handlers]
impl<T: Send> Service<T> {
    #[bus::handler]
    async fn go(&self, _: Go) -> bus::Result<()> {
        Ok(())
    }
}

fn main() {}
