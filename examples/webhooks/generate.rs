//! Made-up deliveries in GitHub's shape: the same ones at every run.

use std::io::{self, Write};

use serde_json::{Value, json};

const OWNERS: [&str; 6] = ["acme", "globex", "initech", "umbra", "hooli", "wayne"];
const PROJECTS: [&str; 8] = ["api", "web", "docs", "infra", "mobile", "search", "billing", "auth"];
const PEOPLE: [&str; 9] =
    ["ada", "grace", "linus", "barbara", "edsger", "margaret", "ken", "radia", "ci-bot"];
const TITLES: [&str; 5] =
    ["Crash on start", "Typo in the guide", "Slow query", "Upgrade the parser", "Flaky upload"];

/// Writes `count` deliveries, one a line.
pub(crate) fn write(count: u64, out: &mut impl Write) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for n in 1..=count {
        let (event, payload) = delivery(n, &mut random);
        writeln!(out, "{}", json!({ "event": event, "payload": payload }))?;
    }
    out.flush()
}

fn delivery(n: u64, random: &mut Random) -> (&'static str, Value) {
    let repository = format!("{}/{}", random.of(&OWNERS), random.of(&PROJECTS));
    let mut payload = json!({
        "repository": { "full_name": repository, "default_branch": "main", "private": random.below(3) == 0 },
        "sender": { "login": random.of(&PEOPLE), "type": "User" },
    });
    let (event, own) = match random.below(20) {
        0..8 => ("push", push(random)),
        8..11 => (
            "issues",
            json!({
                "action": random.of(&["opened", "closed", "reopened", "labeled"]),
                "issue": { "number": n, "title": random.of(&TITLES) },
            }),
        ),
        11..15 => (
            "pull_request",
            json!({
                "action": random.of(&["opened", "closed", "synchronize"]),
                "number": n,
                "pull_request": { "number": n, "title": random.of(&TITLES), "merged": random.below(3) == 0 },
            }),
        ),
        15 => (
            "release",
            json!({
                "action": "published",
                "release": { "tag_name": format!("v1.{}.0", random.below(40)), "prerelease": random.below(4) == 0 },
            }),
        ),
        16..18 => ("star", json!({ "action": random.of(&["created", "created", "deleted"]) })),
        18 => (
            "fork",
            json!({ "forkee": { "full_name": format!("{}/fork-{n}", random.of(&PEOPLE)) } }),
        ),
        _ => (
            "repository",
            json!({
                "action": random.of(&["created", "edited", "renamed", "publicized", "deleted"]),
            }),
        ),
    };
    if let (Value::Object(payload), Value::Object(own)) = (&mut payload, own) {
        payload.extend(own);
    }
    (event, payload)
}

fn push(random: &mut Random) -> Value {
    let commits: Vec<_> = (0..=random.below(4))
        .map(|_| json!({ "id": format!("{:016x}", random.next()), "message": random.of(&TITLES) }))
        .collect();
    let branch = random.of(&["main", "main", "develop", "feature/login", "fix/timeout"]);
    let forced = random.below(12) == 0;
    json!({ "ref": format!("refs/heads/{branch}"), "forced": forced, "commits": commits })
}

/// xorshift64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn of(&mut self, words: &[&'static str]) -> &'static str {
        let at = usize::try_from(self.below(words.len() as u64)).unwrap_or(0);
        words[at]
    }
}
