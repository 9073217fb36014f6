//! The README's own example. `cargo run --example quickstart`

use bus::prelude::*;

#[command(output = usize, error = SignUpError)]
struct SignUp(String);

#[event]
struct UserSignedUp(String);

#[derive(Debug, thiserror::Error)]
#[error("the name `{0}` is taken")]
struct SignUpError(String);

type Users = std::sync::RwLock<Vec<String>>;

#[resource] // provided at link time; `.provide(..)` on the builder replaces it
fn users() -> Users {
    Users::default()
}

#[handler]
async fn sign_up(
    cmd: SignUp,
    users: &Res<Users>,
    emit: Emit<UserSignedUp>,
) -> Result<usize, SignUpError> {
    let mut users = users.write().unwrap();
    if users.contains(&cmd.0) {
        return Err(SignUpError(cmd.0));
    }
    users.push(cmd.0.clone());
    emit.send(UserSignedUp(cmd.0)); // leaves the handler only if it returns Ok
    Ok(users.len())
}

#[handler(priority = 5)]
async fn welcome(event: &UserSignedUp) {
    println!("welcome, {}", event.0);
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bus = Bus::from_registered()?; // finds handlers and resources by itself
    let id = bus.execute(SignUp("ada".into())).await?; // typed output, typed error
    println!("ada is user {id}");
    if let Err(error) = bus.execute(SignUp("ada".into())).await {
        println!("{error}");
    }
    println!("{}", bus.shutdown().await); // drains the queue, and reports what was left
    Ok(())
}
