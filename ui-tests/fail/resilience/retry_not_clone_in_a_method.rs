use bus::{command, handler, handlers};

#[command]
struct Pay;

struct Bank;

#[handlers]
impl Bank {
    #[handler(priority = 1, retry)]
    fn pay(&self, _: Pay) -> bus::Result<()> {
        Ok(())
    }
}

fn main() {}
