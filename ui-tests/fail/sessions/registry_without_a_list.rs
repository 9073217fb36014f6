//! A registry has to say which handlers there are.
use bus::{HandlerId, RegisteredHandler, Registry, RegistryError, SessionId};

struct Nothing;

impl Registry for Nothing {
    fn register(&self, _: RegisteredHandler) -> Result<(), RegistryError> {
        Ok(())
    }
    fn unregister(&self, _: &SessionId, _: HandlerId) -> bool {
        false
    }
    fn unregister_session(&self, _: &SessionId) -> usize {
        0
    }
}

fn main() {}
