pub struct Failed;
pub struct Other;

#[bus::command(error = Failed)]
pub struct Go;

#[bus::handler]
async fn go(_: Go) -> Result<(), Other> {
    Ok(())
}

fn main() {}
