use bus::{Call, Handled, Next, middleware};

struct Log;

#[middleware]
async fn audit(call: &mut Call<'_>, next: Next, _log: &Log) -> Handled {
    next.run(call).await
}

fn main() {}
