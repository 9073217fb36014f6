use bus::{Call, Handled, Next, middleware};

struct Plain;

#[middleware(on = Plain)]
async fn audit(call: &mut Call<'_>, next: Next) -> Handled {
    next.run(call).await
}

fn main() {}
