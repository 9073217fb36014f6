#[bus::command]
pub struct Pay;

pub struct Bank;

#[bus::handlers(circuit_breaker)]
impl Bank {
    #[bus::handler]
    async fn pay(&self, _: &Pay) -> bus::Result<()> {
        Ok(())
    }
}

fn main() {}
