//! Mail: greets whoever has signed up. Knows nothing of accounts.

use bus::handler;
use modular_api::UserSignedUp;

#[handler]
async fn greet(event: &UserSignedUp) {
    println!("mail to {}: welcome, you are user {}", event.name, event.id.0);
}
