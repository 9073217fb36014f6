#[bus::command]
pub struct Go;

struct Service(std::cell::Cell<u8>);

#[bus::handlers]
impl Service {
    #[bus::handler]
    fn go(&self, _: Go) -> bus::Result<()> {
        Ok(())
    }
}

fn main() {}
