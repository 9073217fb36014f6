use std::sync::Arc;

#[bus::command]
pub struct Pay;

#[bus::handler(batch = 100)]
async fn pay(_: &[Arc<Pay>]) -> bus::Result<()> {
    Ok(())
}

fn main() {}
