//! A text is no error. `bus::Error::msg` makes one of it.
fn main() {
    let _ = bus::Error::permanent("the card was declined");
}
