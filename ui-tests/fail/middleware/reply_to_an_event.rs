use bus::prelude::*;
use bus::{Call, Handled, Next, middleware};

#[event]
struct Paid;

#[middleware]
async fn answers(call: &mut Call<'_>, _next: Next) -> Handled {
    call.reply::<Paid>(Ok(()))
}

fn main() {}
