//! What has happened, in the words of the domain.

use std::sync::Arc;

use bus::event;

use crate::text::Text;

/// Where, and through whom.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) source: Arc<str>,
    pub(crate) line: u64,
    pub(crate) repository: Text,
    pub(crate) actor: Text,
}

/// Commits were pushed.
#[event]
#[derive(Debug)]
pub(crate) struct Pushed {
    pub(crate) scene: Scene,
    pub(crate) branch: Text,
    pub(crate) commits: usize,
    pub(crate) forced: bool,
    pub(crate) to_default_branch: bool,
}

/// An issue was opened, closed, ...
#[event]
#[derive(Debug)]
pub(crate) struct IssueChanged {
    pub(crate) scene: Scene,
    pub(crate) action: Text,
    pub(crate) number: u64,
    pub(crate) title: Text,
}

/// A pull request was opened, closed, merged, ...
#[event]
#[derive(Debug)]
pub(crate) struct PullRequestChanged {
    pub(crate) scene: Scene,
    pub(crate) action: Text,
    pub(crate) number: u64,
    pub(crate) title: Text,
    pub(crate) merged: bool,
}

/// A release was published, edited, ...
#[event]
#[derive(Debug)]
pub(crate) struct Released {
    pub(crate) scene: Scene,
    pub(crate) action: Text,
    pub(crate) tag: Text,
    pub(crate) prerelease: bool,
}

/// A star was given or taken back.
#[event]
#[derive(Debug)]
pub(crate) struct Starred {
    pub(crate) scene: Scene,
    pub(crate) given: bool,
}

/// The repository was forked.
#[event]
#[derive(Debug)]
pub(crate) struct Forked {
    pub(crate) scene: Scene,
    pub(crate) into: Text,
}

/// The repository itself was created, renamed, publicized, deleted, ...
#[event]
#[derive(Debug)]
pub(crate) struct RepositoryChanged {
    pub(crate) scene: Scene,
    pub(crate) action: Text,
}
