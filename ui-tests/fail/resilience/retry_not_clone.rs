use bus::{command, handler};

#[command]
struct Pay {
    cents: u64,
}

#[handler(retry(max_retries = 5))]
async fn pay(pay: Pay) -> bus::Result<()> {
    println!("{}", pay.cents);
    Ok(())
}

fn main() {}
