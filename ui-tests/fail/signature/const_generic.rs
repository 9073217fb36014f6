#[bus::command]
pub struct Put<const N: usize>;

#[bus::handler]
async fn put<const N: usize>(_: Put<N>) -> bus::Result<()> {
    Ok(())
}

fn main() {}
