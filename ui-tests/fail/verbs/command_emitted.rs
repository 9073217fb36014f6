#[bus::command]
pub struct Go;

fn f(cx: &bus::Context) {
    cx.emit(Go);
}

fn main() {}
