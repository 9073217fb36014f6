#[bus::command]
pub struct Go;

struct Service;
trait Goes {
    fn go(&self, _: Go) -> bus::Result<()>;
}

#[bus::handlers]
impl Goes for Service {
    #[bus::handler]
    fn go(&self, _: Go) -> bus::Result<()> {
        Ok(())
    }
}

fn main() {}
