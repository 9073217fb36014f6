//! A session for each repository: what is sent from it is handled there, by what is its own too.
//!
//! It is opened by the first delivery, and ends with the repository, or with the bus. Strangers name
//! repositories, so only so many are open at a time: the one that was opened first makes room.

use std::collections::{BTreeMap, VecDeque};

use bus::{Bus, Session, SessionId};
use serde::Deserialize;

use crate::delivery::Deliver;
use crate::failure::Failure;
use crate::policy::Policy;
use crate::text::Text;
use crate::watch::{Watch, Watched};

/// How many sessions are open at a time.
const OPEN: usize = 1_000;

/// What is said of repositories on the command line, by their name.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// Branches that are protected as the default branch is.
    pub(crate) protected: BTreeMap<String, Vec<String>>,
    pub(crate) watched: Vec<String>,
}

pub(crate) struct Repositories<'a> {
    bus: &'a Bus,
    protected: &'a BTreeMap<String, Vec<String>>,
    watched: BTreeMap<&'a str, Watch>,
    /// In the order in which they were opened; some of them have ended.
    opened: VecDeque<SessionId>,
    most_open: usize,
}

impl<'a> Repositories<'a> {
    pub(crate) fn new(bus: &'a Bus, rules: &'a Rules) -> Self {
        let Rules { protected, watched } = rules;
        let watched = watched.iter().map(|name| (name.as_str(), Watch::default()));
        let (opened, most_open) = (VecDeque::new(), 0);
        Self { bus, protected, watched: watched.collect(), opened, most_open }
    }

    /// Executes a delivery in the session of its repository.
    pub(crate) async fn execute(&mut self, delivery: Deliver) -> Result<(), Failure> {
        let Some(name) = repository_of(&delivery) else {
            // Its handler says what is missing.
            self.bus.execute(delivery).await?;
            return Ok(());
        };
        let is_its_end = ends_it(&delivery);
        let session = self.session(&name).await?;
        session.execute(delivery).await?;
        if is_its_end {
            // Waits for its events: they are handled by what is its own to the last.
            session.close().await;
        }
        Ok(())
    }

    /// The open one, or a new one.
    async fn session(&mut self, name: &Text) -> Result<Session, Failure> {
        // A name of its own: no repository can be named as something else of this bus.
        let id = SessionId::from(format!("repository {name}"));
        if let Some(open) = self.bus.find_session(id.clone()) {
            return Ok(open);
        }
        while self.opened.len() >= OPEN {
            let first = self.opened.pop_front().and_then(|first| self.bus.find_session(first));
            if let Some(first) = first {
                first.close().await;
            }
        }
        let protected = self.protected.get(name.as_str());
        let mut session = self.bus.session(&id).provide(Policy::new(protected));
        if let Some(watch) = self.watched.get(name.as_str()) {
            session = watch.listen(session);
        }
        let session = session.open().await?.detach();
        self.opened.push_back(id);
        self.most_open = self.most_open.max(self.bus.stats().sessions_open);
        Ok(session)
    }

    /// What was heard in those that are watched, and how many sessions were open at a time.
    pub(crate) fn told(self) -> (Watched, usize) {
        let watched =
            self.watched.into_iter().map(|(name, watch)| (name.to_owned(), watch.heard()));
        (watched.collect(), self.most_open)
    }
}

/// `None`: it does not say, and will be rejected for that.
fn repository_of(delivery: &Deliver) -> Option<Text> {
    #[derive(Deserialize)]
    struct Payload {
        repository: Repository,
    }
    #[derive(Deserialize)]
    struct Repository {
        full_name: Text,
    }
    let payload: Payload = serde_json::from_str(delivery.payload.get()).ok()?;
    Some(payload.repository.full_name)
}

/// Does the repository go away with it? Whatever comes after that opens a new session.
fn ends_it(delivery: &Deliver) -> bool {
    #[derive(Deserialize)]
    struct Payload {
        action: Text,
    }
    let action = || serde_json::from_str::<Payload>(delivery.payload.get());
    delivery.kind == "repository"
        && action().is_ok_and(|of| matches!(of.action.as_str(), "deleted" | "archived"))
}
