//! Runs the program as a person would: in a folder of its own, with an empty environment.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    reason = "shared by test files, each of which uses a part of it"
)]

pub mod postgres;
pub mod reference;
pub mod small;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// What a run of the program left.
pub struct Ran {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The exit code.
    pub code: i32,
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            stdout: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
            code: output.status.code().unwrap_or(-1),
        }
    }

    /// Fails with everything that was said unless the exit code is this.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked at"), "{}", self.stderr);
        self
    }
}

/// A folder of its own that goes away with the test.
pub struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, with the folders it needs.
    pub fn file(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(&path, content).expect("a file");
        path
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn exists(&self, path: &str) -> bool {
        self.path().join(path).exists()
    }

    /// Runs the program here.
    pub fn avouch(&self, arguments: &[&str]) -> Ran {
        self.avouch_with(arguments, &[])
    }

    /// Makes keys and a log for a configuration that is there already, unless they are there too.
    #[track_caller]
    pub fn begin(&self) {
        if !self.exists(".avouch/ledger.db") {
            self.avouch(&["init", "--new-log"]).exits(0);
        }
    }

    /// Runs the program here with these environment variables.
    pub fn avouch_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        Ran::of(self.command(arguments, environment).output().expect("the program starts"))
    }

    /// The program's command, in this folder with an emptied environment.
    pub fn command(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_avouch"));
        command.args(arguments).current_dir(self.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.path());
        command.envs(environment.iter().copied());
        command
    }

    /// Runs git here, with names and dates that are always the same.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "A")
            .env("GIT_AUTHOR_EMAIL", "a@example.com")
            .env("GIT_COMMITTER_NAME", "A")
            .env("GIT_COMMITTER_EMAIL", "a@example.com")
            .env("GIT_AUTHOR_DATE", "2026-11-18T09:00:00Z")
            .env("GIT_COMMITTER_DATE", "2026-11-18T09:00:00Z")
            .output()
            .expect("git starts");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Makes this folder a repository with everything in it committed, and a tag.
    pub fn commit(&self, tag: Option<&str>) -> String {
        if !self.exists(".git") {
            self.git(&["init", "-q", "-b", "main"]);
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "A commit"]);
        if let Some(tag) = tag {
            self.git(&["tag", tag]);
        }
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }
}

/// The least Cargo project with a lockfile of two registry packages.
pub fn cargo_project(sandbox: &Sandbox) {
    sandbox.file(
        "Cargo.toml",
        "[package]\nname = \"shop\"\nversion = \"1.0.0\"\nedition = \"2021\"\n\n[dependencies]\nitoa = \"1\"\n",
    );
    sandbox.file("src/lib.rs", "");
    sandbox.file(
        "Cargo.lock",
        "version = 4\n\n[[package]]\nname = \"itoa\"\nversion = \"1.0.11\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"49f1f14873335454500d59611f1cf4a4b0f786f9ac11f4312a78e4cf2566695b\"\n\n[[package]]\nname = \"shop\"\nversion = \"1.0.0\"\ndependencies = [\n \"itoa\",\n]\n",
    );
}
