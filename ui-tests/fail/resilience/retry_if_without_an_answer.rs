use bus::{command, handler};

#[command]
#[derive(Clone)]
struct Pay;

#[derive(Debug, thiserror::Error)]
#[error("the bank does not answer")]
struct PayError;

fn log(error: &PayError) {
    println!("{error}");
}

#[handler(retry_if = log)]
async fn pay(_: Pay) -> Result<(), PayError> {
    Err(PayError)
}

fn main() {}
