//! The messages of the application: what its modules say to each other.

use bus::{command, event};

/// Identity of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserId(pub u64);

/// Make an account.
#[command(output = UserId, error = SignUpError, kind = create)]
#[derive(Debug)]
pub struct SignUp {
    /// The name; must be new.
    pub name: String,
}

/// Why there is no account.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// Somebody has it.
    #[error("the name `{0}` is taken")]
    Taken(String),
}

/// An account was made.
#[event]
#[derive(Debug)]
pub struct UserSignedUp {
    /// Whose.
    pub id: UserId,
    /// The name.
    pub name: String,
}
