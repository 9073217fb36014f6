//! Counts per kind, repository and actor. Runs before the log and after the alerts.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bus::{handler, handlers, resource};

use crate::events::{
    Forked, IssueChanged, PullRequestChanged, Pushed, Released, RepositoryChanged, Scene, Starred,
};
use crate::top::Top;

/// How many repositories, and how many actors, are told apart.
const DISTINCT: usize = 1_000;

pub(crate) struct Statistics(Mutex<Tables>);

pub(crate) struct Tables {
    pub(crate) kinds: BTreeMap<&'static str, u64>,
    pub(crate) repositories: Top,
    pub(crate) actors: Top,
    pub(crate) commits: u64,
}

#[resource]
fn statistics() -> Statistics {
    Statistics(Mutex::new(Tables {
        kinds: BTreeMap::new(),
        repositories: Top::new(DISTINCT),
        actors: Top::new(DISTINCT),
        commits: 0,
    }))
}

impl Statistics {
    pub(crate) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, kind: &'static str, scene: &Scene) {
        let mut tables = self.tables();
        *tables.kinds.entry(kind).or_default() += 1;
        tables.repositories.add(scene.repository.as_str());
        tables.actors.add(scene.actor.as_str());
    }
}

#[handlers]
impl Statistics {
    #[handler(priority = 10)]
    fn pushed(&self, event: &Pushed) {
        self.count("push", &event.scene);
        self.tables().commits += event.commits as u64;
    }
    #[handler(priority = 10)]
    fn issue(&self, event: &IssueChanged) {
        self.count("issues", &event.scene);
    }
    #[handler(priority = 10)]
    fn pull_request(&self, event: &PullRequestChanged) {
        self.count("pull_request", &event.scene);
    }
    #[handler(priority = 10)]
    fn released(&self, event: &Released) {
        self.count("release", &event.scene);
    }
    #[handler(priority = 10)]
    fn starred(&self, event: &Starred) {
        self.count("star", &event.scene);
    }
    #[handler(priority = 10)]
    fn forked(&self, event: &Forked) {
        self.count("fork", &event.scene);
    }
    #[handler(priority = 10)]
    fn repository(&self, event: &RepositoryChanged) {
        self.count("repository", &event.scene);
    }
}
