#[bus::command]
pub struct Put<T>(T);

#[bus::handler]
async fn put<T>(_: Put<T>) -> bus::Result<()> {
    Ok(())
}

fn main() {}
