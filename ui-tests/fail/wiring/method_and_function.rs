#[bus::command]
pub struct Go;

struct Service;

#[bus::handlers]
impl Service {
    #[bus::handler]
    fn method(&self, _: Go) -> bus::Result<()> {
        Ok(())
    }
}

#[bus::handler]
async fn function(_: Go) -> bus::Result<()> {
    Ok(())
}

fn main() {}
