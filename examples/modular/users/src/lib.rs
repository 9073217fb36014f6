//! Accounts: answers `SignUp`.

use std::sync::{Mutex, PoisonError};

use bus::{Emit, Res, handler, resource};
use modular_api::{SignUp, SignUpError, UserId, UserSignedUp};

/// The accounts there are.
#[derive(Debug, Default)]
pub struct Accounts(Mutex<Vec<String>>);

impl Accounts {
    fn add(&self, name: &str) -> Result<UserId, SignUpError> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.iter().any(|taken| taken == name) {
            return Err(SignUpError::Taken(name.to_owned()));
        }
        names.push(name.to_owned());
        Ok(UserId(names.len() as u64))
    }
}

#[resource]
fn accounts() -> Accounts {
    Accounts::default()
}

#[handler]
async fn sign_up(
    command: SignUp,
    accounts: &Res<Accounts>,
    emit: Emit<UserSignedUp>,
) -> Result<UserId, SignUpError> {
    let id = accounts.add(&command.name)?;
    emit.send(UserSignedUp { id, name: command.name });
    Ok(id)
}
