//! 3g and hygiene: hostile names, macro_rules, raw idents, renamed crate, shadowed std names.
#![forbid(unsafe_code)]
#![deny(warnings, rust_2018_idioms, missing_docs, unreachable_pub)]
#![allow(dead_code, unused_imports, non_camel_case_types)]
mod std {}
#[allow(unreachable_pub)]
mod core_shadow {
    pub struct Box;
    pub struct Result;
    pub struct Option;
    pub struct String;
    pub trait Send {}
    pub trait Sync {}
    pub trait Future {}
    pub fn drop() {}
}
use bus::Context as Cx;
use core_shadow::*;

/// c
#[bus::command(output = u32)]
pub struct Ping;
/// raw
#[bus::command(output = u32)]
pub struct r#type;

macro_rules! make {
    ($name:ident, $msg:ty, $($p:ident : $t:ty),*) => {
        #[bus::handler]
        async fn $name(message: $msg, $($p: $t),*) -> ::core::result::Result<u32, bus::Error> {
            let _ = message;
            $( let _ = $p; )*
            Ok(1)
        }
    };
}
make!(ping, Ping, cx: &Cx, message2: bus::Bus);
make!(r#fn, r#type,);

/// generic command with where clause and lifetimes in the handler
#[bus::command(output = T)]
pub struct Gen<T, const N: usize>(pub T)
where
    T: Clone;
#[bus::handler]
async fn with_lifetimes<'a>(
    cmd: &'a Gen<u8, 3>,
    _cx: &'a Cx,
) -> ::core::result::Result<u8, bus::Error> {
    Ok(cmd.0)
}
fn main() {
    let rt = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bus = bus::Bus::from_registered().unwrap();
    rt.block_on(async {
        assert_eq!(bus.execute(Ping).await.unwrap(), 1);
        assert_eq!(bus.execute(r#type).await.unwrap(), 1);
        assert_eq!(bus.execute(Gen::<u8, 3>(9)).await.unwrap(), 9);
    });
    println!("{}", bus.wiring());
}
