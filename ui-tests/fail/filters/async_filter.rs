//! It is asked in `try_publish`, which never waits.
use bus::{FilterView, filter};

#[filter]
async fn allowed(_: &FilterView<'_>) -> bool {
    true
}

fn main() {}
