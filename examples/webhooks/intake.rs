//! The handler of the command: from a payload to the domain event that it tells of.

use std::sync::Arc;

use bus::{Context, handler};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::delivery::{Deliver, Rejected};
use crate::events::{
    Forked, IssueChanged, PullRequestChanged, Pushed, Released, RepositoryChanged, Scene, Starred,
};
use crate::text::Text;

#[derive(Deserialize)]
struct Repository {
    full_name: Text,
    default_branch: Option<Text>,
}
#[derive(Deserialize)]
struct Account {
    login: Text,
}

/// What every payload holds.
#[derive(Deserialize)]
struct Common {
    repository: Repository,
    sender: Account,
}

#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: Text,
    #[serde(default)]
    forced: bool,
    commits: Vec<IgnoredAny>,
}
#[derive(Deserialize)]
struct Titled {
    number: u64,
    title: Text,
    merged: Option<bool>,
}
#[derive(Deserialize)]
struct Issue {
    action: Text,
    issue: Titled,
}
#[derive(Deserialize)]
struct PullRequest {
    action: Text,
    pull_request: Titled,
}
#[derive(Deserialize)]
struct Tagged {
    tag_name: Text,
    #[serde(default)]
    prerelease: bool,
}
#[derive(Deserialize)]
struct Release {
    action: Text,
    release: Tagged,
}
#[derive(Deserialize)]
struct Acted {
    action: Text,
}
#[derive(Deserialize)]
struct Fork {
    forkee: Repository,
}

/// A plain function: it waits for nothing. What it emits is queued when it has returned `Ok`.
#[handler]
fn deliver(command: &Deliver, cx: &Context) -> Result<&'static str, Rejected> {
    match &*command.kind {
        "push" => {
            let (scene, repository, push) = read::<Push>("push", command)?;
            let reference = push.reference.as_str();
            let branch = Text::new(reference.strip_prefix("refs/heads/").unwrap_or(reference));
            let to_default_branch = repository.default_branch.as_ref() == Some(&branch);
            let (commits, forced) = (push.commits.len(), push.forced);
            cx.emit(Pushed { scene, branch, commits, forced, to_default_branch });
            Ok("push")
        }
        "issues" => {
            let (scene, _, Issue { action, issue }) = read("issues", command)?;
            cx.emit(IssueChanged { scene, action, number: issue.number, title: issue.title });
            Ok("issues")
        }
        "pull_request" => {
            let (scene, _, PullRequest { action, pull_request }) = read("pull_request", command)?;
            let Titled { number, title, merged } = pull_request;
            // A merged one stays merged, whatever happens to it afterwards.
            let merged = merged == Some(true) && action.as_str() == "closed";
            cx.emit(PullRequestChanged { scene, action, number, title, merged });
            Ok("pull_request")
        }
        "release" => {
            let (scene, _, Release { action, release }) = read("release", command)?;
            let Tagged { tag_name: tag, prerelease } = release;
            cx.emit(Released { scene, action, tag, prerelease });
            Ok("release")
        }
        "star" => {
            let (scene, _, Acted { action }) = read("star", command)?;
            cx.emit(Starred { scene, given: action.as_str() == "created" });
            Ok("star")
        }
        "fork" => {
            let (scene, _, Fork { forkee }) = read("fork", command)?;
            cx.emit(Forked { scene, into: forkee.full_name });
            Ok("fork")
        }
        "repository" => {
            let (scene, _, Acted { action }) = read("repository", command)?;
            cx.emit(RepositoryChanged { scene, action });
            Ok("repository")
        }
        unknown => Err(Rejected::UnknownKind(Text::new(unknown))),
    }
}

/// Reads the payload twice, once for what all hold and once for what this kind holds: `flatten` would
/// read it once, and keep all that it does not know.
fn read<'de, T: Deserialize<'de>>(
    kind: &'static str,
    command: &'de Deliver,
) -> Result<(Scene, Repository, T), Rejected> {
    let json = command.payload.get();
    let wrong =
        |error: serde_json::Error| Rejected::Payload { kind, error: Text::new(&error.to_string()) };
    let Common { repository, sender } = serde_json::from_str(json).map_err(wrong)?;
    let own = serde_json::from_str(json).map_err(wrong)?;
    let scene = Scene {
        source: Arc::clone(&command.source),
        line: command.line,
        repository: repository.full_name.clone(),
        actor: sender.login,
    };
    Ok((scene, repository, own))
}
