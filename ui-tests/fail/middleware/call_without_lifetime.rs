use bus::{Call, Handled, Next, middleware};

#[middleware]
async fn audit(call: &mut Call, next: Next) -> Handled {
    next.run(call).await
}

fn main() {}
