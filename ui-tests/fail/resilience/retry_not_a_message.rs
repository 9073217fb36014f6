struct Pay;

#[bus::handler(retry, circuit_breaker)]
async fn pay(_: Pay) -> bus::Result<()> {
    Ok(())
}

fn main() {}
