//! Exit codes: what a pipeline reads.

use std::process::ExitCode;

use avouch_model::state::Verdict;

/// How the program ends. Where several apply: usage, not satisfied, could not tell, satisfied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: everything asked for holds.
    Satisfied,
    /// 1: something asked for does not hold.
    NotSatisfied,
    /// 2: the command or the configuration is wrong; nothing was done.
    Usage,
    /// 3: it could not be told: an error, no data, something stale, nothing configured.
    CouldNotTell,
    /// A code of `avouch verify`.
    Verify(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Satisfied => 0,
            Exit::NotSatisfied => 1,
            Exit::Usage => 2,
            Exit::CouldNotTell => 3,
            Exit::Verify(code) => code,
        })
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Satisfied => Self::Satisfied,
            Verdict::NotSatisfied => Self::NotSatisfied,
            Verdict::CouldNotTell => Self::CouldNotTell,
        }
    }
}

/// A mistake of the user: the command line or the configuration. Everything else that goes wrong ends with 3.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Mistakes in a text, already shown where they stand.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Shown(pub(crate) String);
