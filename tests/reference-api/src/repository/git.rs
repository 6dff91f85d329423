//! The few calls of `git`, with nothing of this machine in them: no configuration, no hooks, given names and times.

use std::{path::Path, process::Command};

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};

/// A repository that is being written.
pub(crate) struct Git<'a> {
    folder: &'a Path,
    date: String,
}

impl<'a> Git<'a> {
    /// A new repository in this folder; its commits and tags carry this time.
    pub(crate) fn init(folder: &'a Path, date: DateTime<Utc>) -> anyhow::Result<Self> {
        let git = Self { folder, date: format!("{} +0000", date.timestamp()) };
        git.run(&["init", "--quiet", "--initial-branch=main", "--template="])?;
        Ok(git)
    }

    /// Commits everything that is not ignored, and returns the commit.
    pub(crate) fn commit(&self, message: &str) -> anyhow::Result<String> {
        self.run(&["add", "--all"])?;
        self.run(&["commit", "--quiet", "--no-verify", "--no-gpg-sign", "-m", message])?;
        self.run(&["rev-parse", "HEAD"])
    }

    /// Tags the last commit.
    pub(crate) fn tag(&self, name: &str, message: &str) -> anyhow::Result<()> {
        self.run(&["tag", "--annotate", "--no-sign", "-m", message, name]).map(drop)
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new("git");
        command.env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        for (name, value) in [
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_NAME", "CK"),
            ("GIT_AUTHOR_EMAIL", "dev@ck.example"),
            ("GIT_COMMITTER_NAME", "CK"),
            ("GIT_COMMITTER_EMAIL", "dev@ck.example"),
            ("GIT_AUTHOR_DATE", &self.date),
            ("GIT_COMMITTER_DATE", &self.date),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("LC_ALL", "C"),
        ] {
            command.env(name, value);
        }
        command.current_dir(self.folder).args(["-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false"]).args(arguments);
        let output = command.output().context("cannot start `git`; is it installed?")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("`git {}` failed: {}", arguments.join(" "), said.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}
