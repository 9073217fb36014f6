#[bus::command(retry_if = is_transient)]
pub struct Pay;

fn main() {}
