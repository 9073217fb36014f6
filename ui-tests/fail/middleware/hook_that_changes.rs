use bus::{HookCall, hook};

#[hook]
fn noted(_: &mut HookCall<'_>) {}

fn main() {}
