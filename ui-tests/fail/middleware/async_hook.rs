use bus::{HookCall, hook};

#[hook]
async fn noted(_: &HookCall<'_>) {}

fn main() {}
