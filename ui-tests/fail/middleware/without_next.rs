use bus::{Call, Handled, Next, middleware};

#[middleware]
async fn alone(call: &mut Call<'_>) -> Handled {
    call.reject("no")
}

fn main() { let _: Option<Next> = None; }
