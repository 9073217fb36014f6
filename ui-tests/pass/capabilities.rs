//! What the attribute finds out about a type.
use bus::Message;

#[bus::event]
#[derive(Clone, Debug)]
struct Both;
#[bus::event]
struct Neither;
#[bus::event]
#[derive(Clone)]
struct Generic<T>(T);
#[bus::event]
#[derive(Clone, Debug)]
struct Bounded<T: Clone + std::fmt::Debug>(T);

fn main() {
    let can = |info: &bus::MessageInfo| (info.capabilities().clone, info.capabilities().debug);
    assert_eq!(can(Both::INFO), (true, true));
    assert_eq!(can(Neither::INFO), (false, false));
    // A generic type can do what its bounds promise, not what an instance could.
    assert_eq!(can(Generic::<u8>::INFO), (false, false));
    assert_eq!(can(Bounded::<u8>::INFO), (true, true));
    assert_eq!(Generic::<u8>::INFO.short_name(), "Generic<u8>");
}
