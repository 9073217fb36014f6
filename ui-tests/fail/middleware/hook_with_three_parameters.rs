use bus::prelude::*;
use bus::{Ended, HookCall, hook};

struct Log;

#[hook]
fn noted(_: &HookCall<'_>, _: &Ended<'_>, _: &Res<Log>) {}

fn main() {}
