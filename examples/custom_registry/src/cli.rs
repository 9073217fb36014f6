//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
usage: custom-registry [--file PATH] list | disable NAME | enable NAME | run

  list           what the file knows of handlers
  disable NAME   let a handler be called no more: `greet`, or its name with its module
  enable NAME    let it be called again
  run            execute a command, publish an event, open a session
  --file PATH    the file; left out, it is `custom-registry.sqlite` in the folder for temporary files
  -h, --help     print this

Exit codes: 0 done, 1 it failed, 2 wrong arguments.";

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) action: Action,
    pub(crate) file: PathBuf,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Help,
    List,
    Disable(String),
    Enable(String),
    Run,
}

pub(crate) fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Options, String> {
    let (mut action, mut file) = (None, None);
    while let Some(arg) = args.next() {
        let one = match arg.to_str() {
            Some("-h" | "--help") => Action::Help,
            Some("list") => Action::List,
            Some("disable") => Action::Disable(name(args.next())?),
            Some("enable") => Action::Enable(name(args.next())?),
            Some("run") => Action::Run,
            Some("--file") => {
                file = Some(args.next().ok_or("`--file` needs a path")?.into());
                continue;
            }
            _ => return Err(format!("`{}` is not understood", arg.display())),
        };
        if one == Action::Help {
            action = Some(one);
            break;
        }
        if action.replace(one).is_some() {
            return Err("one action at a time".to_owned());
        }
    }
    let file = file.unwrap_or_else(|| std::env::temp_dir().join("custom-registry.sqlite"));
    Ok(Options { action: action.unwrap_or(Action::Help), file })
}

fn name(arg: Option<OsString>) -> Result<String, String> {
    let arg = arg.ok_or("which handler? `list` has their names")?;
    arg.into_string().map_err(|arg| format!("`{}` names no handler", arg.display()))
}
