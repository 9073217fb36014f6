use bus::{command, handler};

#[command]
#[derive(Clone)]
struct Pay;

#[derive(Debug, thiserror::Error)]
#[error("the bank does not answer")]
struct PayError;

#[handler(retry_if = PayError::is_transient)]
async fn pay(_: Pay) -> Result<(), PayError> {
    Err(PayError)
}

fn main() {}
