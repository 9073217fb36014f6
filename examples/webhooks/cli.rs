//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::repositories::Rules;

pub(crate) const USAGE: &str = "Usage: webhooks [OPTIONS] [FILE]...   (`--help` says more)";

pub(crate) const HELP: &str = "\
Executes GitHub webhook deliveries, one `{\"event\": \"push\", \"payload\": {..}}` a line.

Usage: webhooks [OPTIONS] [FILE]...

Without a FILE it reads the sample of 200 deliveries beside its source; `-` is standard input.

Options:
  --json          print the summary as JSON
  --strict        exit with 1 when a line failed
  --log FILE      write an activity log (`-`: to standard error)
  --watch REPO    count what happens in a repository (`owner/name`); may be given again
  --protect REPO:BRANCH
                  alert when this branch of this repository is force-pushed, as if it were its
                  default branch; may be given again
  --failures N    print the first N failures as they come (default 20); all are counted
  --flaky P       tell of pushes and pull requests, which fails with this probability (`0.3`): it is
                  tried three times, and what is left is run again at the end
  --generate N    write N made-up deliveries to standard output, and do nothing else
  -h, --help      print this

Exit: 0; with --strict 1 when a line failed; 2 for wrong usage or a file that cannot be opened.";

#[derive(Debug)]
pub(crate) enum Action {
    Run(Options),
    Generate(u64),
    Help,
}

#[derive(Debug, Default)]
pub(crate) struct Options {
    /// `None` is standard input.
    pub(crate) files: Vec<Option<PathBuf>>,
    pub(crate) json: bool,
    pub(crate) strict: bool,
    pub(crate) log: Option<PathBuf>,
    pub(crate) failures: u64,
    /// With which probability the notifier fails; without it there is none.
    pub(crate) flaky: Option<f64>,
    pub(crate) rules: Rules,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Wrong {
    #[error("unknown option `{0}`")]
    Unknown(String),
    #[error("`{0}` needs a value")]
    NoValue(String),
    #[error("`{option}` takes a number, and `{value}` is none")]
    NoNumber { option: String, value: String },
    #[error("`--flaky` takes a number from 0 to 1, and `{0}` is none")]
    NoProbability(String),
    #[error("`--protect` takes `owner/name:branch`, and `{0}` is none")]
    NoBranch(String),
}

pub(crate) fn parse(args: impl Iterator<Item = OsString>) -> Result<Action, Wrong> {
    let mut args = args;
    let mut options = Options { failures: 20, ..Options::default() };
    let mut only_files = false;
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy().into_owned();
        match &*text {
            _ if only_files => options.files.push(Some(arg.into())),
            "--" => only_files = true,
            "-h" | "--help" => return Ok(Action::Help),
            "--json" => options.json = true,
            "--strict" => options.strict = true,
            "--log" => options.log = Some(value(&text, args.next())?.into()),
            "--watch" => options.rules.watched.push(text_of(&text, args.next())?),
            "--protect" => {
                let value = text_of(&text, args.next())?;
                let Some((repository, branch)) = value.split_once(':') else {
                    return Err(Wrong::NoBranch(value));
                };
                let branches = options.rules.protected.entry(repository.to_owned()).or_default();
                branches.push(branch.to_owned());
            }
            "--failures" => options.failures = number(&text, args.next())?,
            "--flaky" => options.flaky = Some(probability(text_of(&text, args.next())?)?),
            "--generate" => return Ok(Action::Generate(number(&text, args.next())?)),
            "-" => options.files.push(None),
            _ if text.starts_with('-') => return Err(Wrong::Unknown(text)),
            _ => options.files.push(Some(arg.into())),
        }
    }
    if options.files.is_empty() {
        options.files.push(Some(sample()));
    }
    Ok(Action::Run(options))
}

fn sample() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "examples", "webhooks", "sample.ndjson"].iter().collect()
}

fn value(option: &str, value: Option<OsString>) -> Result<OsString, Wrong> {
    value.ok_or_else(|| Wrong::NoValue(option.to_owned()))
}

fn text_of(option: &str, given: Option<OsString>) -> Result<String, Wrong> {
    Ok(value(option, given)?.to_string_lossy().into_owned())
}

fn number(option: &str, given: Option<OsString>) -> Result<u64, Wrong> {
    let text = text_of(option, given)?;
    text.parse().map_err(|_| Wrong::NoNumber { option: option.to_owned(), value: text })
}

fn probability(text: String) -> Result<f64, Wrong> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or(Wrong::NoProbability(text))
}
