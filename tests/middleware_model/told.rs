//! How something has ended, as hooks, the caller, and a listener of failures were told.

use std::sync::Mutex;

use bus::{CommandErrorKind, Ended, Error, Hook, HookCall};

use super::{End, World};

pub(crate) fn end_of(ended: &Ended<'_>) -> End {
    match ended {
        Ended::Ok => End::Ok,
        Ended::Failed(_) => End::Failed,
        Ended::Panicked { .. } => End::Panicked,
        Ended::TimedOut { .. } => End::TimedOut,
        Ended::Rejected { by, .. } => End::Rejected(by.parse().unwrap()),
        other => panic!("{other}"),
    }
}

/// Notes how each run ends, and that it began before.
pub(crate) struct Notes(pub(crate) World, pub(crate) Mutex<u32>);

impl Hook for Notes {
    fn before(&self, _: &HookCall<'_>) {
        *self.1.lock().unwrap() += 1;
    }
    fn after(&self, call: &HookCall<'_>, ended: &Ended<'_>) {
        if call.info().short_name() == "Done" {
            return;
        }
        let ended = match ended {
            Ended::Dropped => "Dropped".to_owned(),
            ended => format!("{:?}", end_of(ended)),
        };
        self.0.hooked.lock().unwrap().push(format!("{} {ended}", call.context().attempt()));
    }
}

/// The end that the caller of a command was told.
pub(crate) fn told(result: Result<(), bus::CommandError<Error>>) -> End {
    match result.map_err(bus::CommandError::into_kind) {
        Ok(()) => End::Ok,
        Err(CommandErrorKind::Handler(_)) => End::Failed,
        Err(CommandErrorKind::Panicked { .. }) => End::Panicked,
        Err(CommandErrorKind::TimedOut { .. }) => End::TimedOut,
        Err(CommandErrorKind::Rejected { by, .. }) => {
            End::Rejected(by.trim_start_matches("middleware ").parse().unwrap())
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// The end that the listener of failed handlers was told.
pub(crate) fn overheard(failed: &[String]) -> End {
    match failed {
        [] => End::Ok,
        [one] if one.starts_with("it does") => End::Failed,
        [one] if one.starts_with("panicked") => End::Panicked,
        [one] if one.starts_with("timed out") => End::TimedOut,
        [one] => {
            let by = one.trim_start_matches("was rejected by middleware ");
            End::Rejected(by.split(':').next().unwrap().parse().unwrap())
        }
        several => panic!("{several:?}"),
    }
}
