use bus::{Call, Handled, Next, middleware};

#[middleware]
async fn audit(call: &mut Call<'_>, next: Next) -> Result<Handled, bus::Error> {
    Ok(next.run(call).await)
}

fn main() {}
