use bus::{Call, Handled, Next, middleware};

#[middleware]
async fn forgets(call: &mut Call<'_>, next: Next) -> Handled {
    next.run(call).await;
}

fn main() {}
