use bus::{Call, Handled, Next, middleware};

use std::rc::Rc;

#[middleware]
async fn audit(call: &mut Call<'_>, next: Next) -> Handled {
    let count = Rc::new(1);
    let handled = next.run(call).await;
    println!("{count}");
    handled
}

fn main() {}
