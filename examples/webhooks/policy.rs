//! What is expected of a repository.

use bus::resource;

use crate::text::Text;

/// Its session provides it: the rules of the bus take it, and get that of the repository they judge.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    /// Branches whose history must stay, besides the default branch.
    protected: Vec<String>,
}

/// That of no repository: it is there for all that its session does not provide.
#[resource]
fn nothing_special() -> Policy {
    Policy::default()
}

impl Policy {
    pub(crate) fn new(protected: Option<&Vec<String>>) -> Self {
        Self { protected: protected.cloned().unwrap_or_default() }
    }

    pub(crate) fn protects(&self, branch: &Text) -> bool {
        self.protected.iter().any(|protected| protected == branch.as_str())
    }
}
