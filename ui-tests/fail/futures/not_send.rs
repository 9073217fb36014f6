#[bus::command]
pub struct Go;

async fn step() {}

#[bus::handler]
async fn go(_: Go) -> bus::Result<()> {
    let raw: *mut u8 = std::ptr::null_mut();
    step().await;
    let _ = raw;
    Ok(())
}

fn main() {}
