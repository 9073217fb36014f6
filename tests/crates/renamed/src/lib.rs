//! A crate in which the bus has another name, and a facade that hands it on.

/// What a house might call it.
pub mod messaging {
    pub use mybus::*;
}

/// Through the renamed crate.
#[mybus::command(output = u8, crate = ::mybus)]
#[derive(Debug)]
pub struct Direct;

/// Through the facade.
#[mybus::event(crate = crate::messaging)]
#[derive(Debug)]
pub struct Faced;

#[mybus::resource(crate = ::mybus)]
fn word() -> String {
    "word".to_owned()
}

#[mybus::handler(crate = crate::messaging)]
async fn direct(_: Direct, word: &mybus::Res<String>) -> mybus::Result<u8> {
    u8::try_from(word.len()).map_err(mybus::Error::from)
}

use mybus::handler;

/// Its methods inherit the path.
#[derive(Debug)]
pub struct Service;

#[mybus::resource(crate = ::mybus)]
fn service() -> Service {
    Service
}

#[mybus::handlers(crate = ::mybus)]
impl Service {
    #[handler]
    async fn faced(&self, _: &Faced) {}
}
