#[bus::command]
pub struct Go;

trait Service {
    #[bus::handler]
    async fn go(&self, _: Go) -> bus::Result<()>;
}

fn main() {}
