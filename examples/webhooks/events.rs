//! What has happened, in the words of the domain.

use bus::event;

/// Where, and through whom.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) line: u64,
    pub(crate) repository: String,
    pub(crate) actor: String,
}

/// Commits were pushed.
#[event]
#[derive(Debug)]
pub(crate) struct Pushed {
    pub(crate) scene: Scene,
    pub(crate) branch: String,
    pub(crate) commits: usize,
    pub(crate) forced: bool,
    pub(crate) to_default_branch: bool,
}

/// An issue was opened, closed, ...
#[event]
#[derive(Debug)]
pub(crate) struct IssueChanged {
    pub(crate) scene: Scene,
    pub(crate) action: String,
    pub(crate) number: u64,
    pub(crate) title: String,
}

/// A pull request was opened, closed, merged, ...
#[event]
#[derive(Debug)]
pub(crate) struct PullRequestChanged {
    pub(crate) scene: Scene,
    pub(crate) action: String,
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) merged: bool,
}

/// A release was published, edited, ...
#[event]
#[derive(Debug)]
pub(crate) struct Released {
    pub(crate) scene: Scene,
    pub(crate) action: String,
    pub(crate) tag: String,
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
    pub(crate) into: String,
}

/// The repository itself was created, renamed, publicized, deleted, ...
#[event]
#[derive(Debug)]
pub(crate) struct RepositoryChanged {
    pub(crate) scene: Scene,
    pub(crate) action: String,
}
