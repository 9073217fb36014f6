//! A registry is asked on several threads, by `&self`.
use std::cell::RefCell;

use bus::{HandlerId, RegisteredHandler, Registry, RegistryError, SessionId};

struct InACell(RefCell<Vec<RegisteredHandler>>);

impl Registry for InACell {
    fn register(&self, handler: RegisteredHandler) -> Result<(), RegistryError> {
        self.0.borrow_mut().push(handler);
        Ok(())
    }
    fn unregister(&self, _: &SessionId, _: HandlerId) -> bool {
        false
    }
    fn unregister_session(&self, _: &SessionId) -> usize {
        0
    }
    fn handlers(&self, _: &SessionId) -> Result<Vec<RegisteredHandler>, RegistryError> {
        Ok(self.0.borrow().clone())
    }
}

fn main() {}
