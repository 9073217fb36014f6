//! Messages and handlers inside of a function body.
#![forbid(unsafe_code)]
#![deny(warnings)]

fn main() {
    #[bus::command(output = u8)]
    struct Inner(u8);

    #[bus::handler]
    async fn inner(command: Inner) -> bus::Result<u8> {
        Ok(command.0)
    }

    #[bus::resource]
    fn base() -> u8 {
        1
    }

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bus = bus::Bus::from_registered().unwrap();
    assert_eq!(runtime.block_on(bus.execute(Inner(3))).unwrap(), 3);
    assert_eq!(bus.resource::<u8>().map(|base| *base).ok(), Some(1));
}
