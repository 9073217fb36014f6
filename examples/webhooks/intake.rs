//! The handler of the command: from a payload to the domain event that it tells of.

use bus::{Context, handler};
use serde::Deserialize;

use crate::delivery::{Deliver, Rejected};
use crate::events::{
    Forked, IssueChanged, PullRequestChanged, Pushed, Released, RepositoryChanged, Scene, Starred,
};

#[derive(Deserialize)]
struct Repository {
    full_name: String,
    default_branch: Option<String>,
}
#[derive(Deserialize)]
struct Account {
    login: String,
}

/// What every payload holds, and what this kind holds beside it.
#[derive(Deserialize)]
struct Payload<T> {
    repository: Repository,
    sender: Account,
    #[serde(flatten)]
    own: T,
}

#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default)]
    forced: bool,
    commits: Vec<serde::de::IgnoredAny>,
}
#[derive(Deserialize)]
struct Titled {
    number: u64,
    title: String,
    #[serde(default)]
    merged: bool,
}
#[derive(Deserialize)]
struct Issue {
    action: String,
    issue: Titled,
}
#[derive(Deserialize)]
struct PullRequest {
    action: String,
    pull_request: Titled,
}
#[derive(Deserialize)]
struct Tagged {
    tag_name: String,
    #[serde(default)]
    prerelease: bool,
}
#[derive(Deserialize)]
struct Release {
    action: String,
    release: Tagged,
}
#[derive(Deserialize)]
struct Acted {
    action: String,
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
            let branch = push.reference.trim_start_matches("refs/heads/").to_owned();
            let to_default_branch = repository.default_branch.as_deref() == Some(&*branch);
            let (commits, forced) = (push.commits.len(), push.forced);
            cx.emit(Pushed {
                scene,
                branch,
                commits,
                forced,
                to_default_branch,
            });
            Ok("push")
        }
        "issues" => {
            let (scene, _, Issue { action, issue }) = read("issues", command)?;
            cx.emit(IssueChanged {
                scene,
                action,
                number: issue.number,
                title: issue.title,
            });
            Ok("issues")
        }
        "pull_request" => {
            let (
                scene,
                _,
                PullRequest {
                    action,
                    pull_request,
                },
            ) = read("pull_request", command)?;
            let Titled {
                number,
                title,
                merged,
            } = pull_request;
            cx.emit(PullRequestChanged {
                scene,
                action,
                number,
                title,
                merged,
            });
            Ok("pull_request")
        }
        "release" => {
            let (scene, _, Release { action, release }) = read("release", command)?;
            let Tagged {
                tag_name: tag,
                prerelease,
            } = release;
            cx.emit(Released {
                scene,
                action,
                tag,
                prerelease,
            });
            Ok("release")
        }
        "star" => {
            let (scene, _, Acted { action }) = read("star", command)?;
            cx.emit(Starred {
                scene,
                given: action == "created",
            });
            Ok("star")
        }
        "fork" => {
            let (scene, _, Fork { forkee }) = read("fork", command)?;
            cx.emit(Forked {
                scene,
                into: forkee.full_name,
            });
            Ok("fork")
        }
        "repository" => {
            let (scene, _, Acted { action }) = read("repository", command)?;
            cx.emit(RepositoryChanged { scene, action });
            Ok("repository")
        }
        unknown => Err(Rejected::UnknownKind(unknown.chars().take(40).collect())),
    }
}

fn read<'de, T: Deserialize<'de>>(
    kind: &'static str,
    command: &'de Deliver,
) -> Result<(Scene, Repository, T), Rejected> {
    let payload: Payload<T> = serde_json::from_str(command.payload.get())
        .map_err(|error| Rejected::Payload { kind, error })?;
    let Payload {
        repository,
        sender,
        own,
    } = payload;
    let scene = Scene {
        line: command.line,
        repository: repository.full_name.clone(),
        actor: sender.login,
    };
    Ok((scene, repository, own))
}
