//! The README's own example. `cargo run --example quickstart`

use bus::prelude::*;

#[command(output = u64, error = SignUpError)]
struct SignUp {
    name: String,
}

#[event]
struct UserSignedUp {
    id: u64,
    name: String,
}

#[derive(Debug, thiserror::Error)]
#[error("a user needs a name")]
struct SignUpError;

#[derive(Default)]
struct Users(std::sync::atomic::AtomicU64);

#[resource] // provided at link time; `.provide(..)` on the builder replaces it
fn users() -> Users {
    Users::default()
}

#[handler]
async fn sign_up(
    cmd: SignUp,
    users: &Res<Users>,
    emit: Emit<UserSignedUp>,
) -> Result<u64, SignUpError> {
    if cmd.name.is_empty() {
        return Err(SignUpError);
    }
    let id = users.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
    emit.send(UserSignedUp { id, name: cmd.name }); // leaves the handler only if it returns Ok
    Ok(id)
}

#[handler(priority = 5)]
async fn welcome(event: &UserSignedUp) {
    println!("welcome, {}: you are user {}", event.name, event.id);
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bus = Bus::from_registered()?; // finds handlers and resources by itself
    let id = bus.execute(SignUp { name: "ada".into() }).await?; // typed output, typed error
    println!("signed up as {id}");
    if let Err(error) = bus
        .execute(SignUp {
            name: String::new(),
        })
        .await
    {
        println!("{error}");
    }
    println!("{}", bus.shutdown().await); // drains the queue, and reports what was left
    Ok(())
}
