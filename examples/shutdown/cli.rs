//! The command line.

use std::ffi::OsString;

pub(crate) const HELP: &str = "\
usage: shutdown [--seconds N] [--no-stuck]

Works until Ctrl-C, then ends well; a second Ctrl-C ends it at once.

  --seconds N   end by itself after N seconds; Ctrl-C may come earlier
  --no-stuck    leave out the job that never ends
  -h, --help    print this

Exit codes: 0 nothing was left, 1 it could not start or its jobs are not accounted for,
2 wrong arguments, 3 something was left (as the job that never ends), 130 a second Ctrl-C.";

pub(crate) enum Action {
    Work(Options),
    Help,
}

#[derive(Debug, Default)]
pub(crate) struct Options {
    /// `None`: until Ctrl-C.
    pub(crate) seconds: Option<u64>,
    pub(crate) no_stuck: bool,
}

pub(crate) fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Action, String> {
    let mut options = Options::default();
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("-h" | "--help") => return Ok(Action::Help),
            Some("--no-stuck") => options.no_stuck = true,
            Some("--seconds") => {
                let value = args.next().ok_or("`--seconds` needs a number")?;
                let number = value.to_str().and_then(|text| text.parse().ok());
                let wrong = || format!("`{}` is not a number of seconds", value.display());
                options.seconds = Some(number.ok_or_else(wrong)?);
            }
            _ => return Err(format!("`{}` is not understood", arg.display())),
        }
    }
    Ok(Action::Work(options))
}
