use bus::Bus;
use bus::{Call, Handled, Next, middleware};

#[middleware(manual)]
async fn audit(call: &mut Call<'_>, next: Next) -> Handled {
    next.run(call).await
}

fn main() {
    let _ = Bus::builder().middleware(audit).build();
}
