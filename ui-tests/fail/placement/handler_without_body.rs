#[bus::command]
pub struct Go;

unsafe extern "C" {
    #[bus::handler]
    fn go(_: Go);
}

fn main() {}
