//! The application: links the modules, and runs.

use bus::Bus;
use modular_api::SignUp;

// Without this line, nothing of the two crates would be in the program.
bus::link!(modular_users, modular_mail);
// Does not compile if `SignUp` has no handler, or two.
bus::assert_one_handler!(SignUp);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bus = Bus::from_registered()?;
    print!("{}", bus.wiring());

    for name in ["ada", "grace", "ada"] {
        match bus.execute(SignUp { name: name.into() }).await {
            Ok(id) => println!("{name} is user {}", id.0),
            Err(error) => println!("{error}"),
        }
    }
    println!("{}", bus.shutdown().await);
    Ok(())
}
