//! It says yes or no.
use bus::{FilterView, filter};

#[filter]
fn note(event: &FilterView<'_>) {
    println!("{}", event.info().name());
}

fn main() {}
