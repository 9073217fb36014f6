use bus::{command, handler};

#[command]
#[derive(Clone)]
struct Pay;

#[derive(Debug, thiserror::Error)]
#[error("the bank does not answer")]
struct PayError;

fn is_transient(_: &PayError, _: &Pay) -> bool {
    true
}

#[handler(retry_if = is_transient)]
async fn pay(_: Pay) -> Result<(), PayError> {
    Err(PayError)
}

fn main() {}
