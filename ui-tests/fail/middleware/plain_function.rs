use bus::{Call, Handled, Next, middleware};

#[middleware]
fn waits_for_nothing(call: &mut Call<'_>, _: Next) -> Handled {
    call.reject("no")
}

fn main() {}
