//! Which paths git ignores, by the `.gitignore` files of a tree (gitignore(5)): nested files, negations, and the rule
//! that a file cannot be brought back when a folder above it is ignored.

use std::collections::BTreeMap;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The ignore rules of a tree. `.git/info/exclude` and personal files are left out: they protect one clone only.
#[derive(Debug, Default)]
pub struct IgnoreRules {
    /// By folder: `` for the root, `app/` for `app/.gitignore`.
    folders: BTreeMap<String, Gitignore>,
}

/// A line of an ignore file that is no pattern.
#[derive(Debug, thiserror::Error)]
#[error("{path}:{line}: git would read no pattern here")]
pub struct NotAPattern {
    /// The ignore file.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    #[source]
    pub cause: ignore::Error,
}

impl IgnoreRules {
    /// The rules of these files: paths that end in `.gitignore`, with their texts.
    ///
    /// # Errors
    /// [`NotAPattern`] at the first line that is no pattern.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, NotAPattern> {
        let mut folders = BTreeMap::new();
        for (path, text) in files {
            let folder = path.strip_suffix(".gitignore").unwrap_or(path);
            let mut builder = GitignoreBuilder::new("");
            let failed = |line: usize| move |cause| NotAPattern { path: path.to_owned(), line, cause };
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            for (index, line) in text.lines().enumerate() {
                builder.add_line(None, line).map_err(failed(index + 1))?;
            }
            folders.insert(folder.to_owned(), builder.build().map_err(failed(0))?);
        }
        Ok(Self { folders })
    }

    /// Whether git ignores a file of this path (relative to the root, forward slashes) that it does not yet track.
    pub fn ignores(&self, path: &str) -> bool {
        let above = path.match_indices('/').map(|(end, _)| &path[..end]);
        // A folder that is ignored is never entered, whatever is said of what lies in it.
        above.into_iter().any(|folder| self.decides(folder, true)) || self.decides(path, false)
    }

    /// What the nearest ignore file with an opinion says.
    fn decides(&self, path: &str, is_folder: bool) -> bool {
        let mut folder = path.rfind('/').map_or("", |slash| &path[..=slash]);
        loop {
            if let Some(rules) = self.folders.get(folder) {
                let said = rules.matched(&path[folder.len()..], is_folder);
                if !said.is_none() {
                    return said.is_ignore();
                }
            }
            if folder.is_empty() {
                return false;
            }
            let parent = &folder[..folder.len() - 1];
            folder = parent.rfind('/').map_or("", |slash| &folder[..=slash]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(files: &[(&str, &str)]) -> IgnoreRules {
        IgnoreRules::of(files.iter().copied()).unwrap()
    }

    #[test]
    fn a_negation_brings_back_what_an_earlier_line_ignores() {
        let rules = rules(&[(".gitignore", "# secrets\n.env\n.env.*\n!.env.example\n")]);
        for path in [".env", ".env.production", "app/.env", "app/.env.local"] {
            assert!(rules.ignores(path), "{path}");
        }
        for path in [".env.example", "app/.env.example", "env", ".environment"] {
            assert!(!rules.ignores(path), "{path}");
        }
    }

    #[test]
    fn the_nearest_file_decides() {
        let rules = rules(&[(".gitignore", "*.sql\n"), ("db/.gitignore", "!schema.sql\n")]);
        assert!(rules.ignores("dump.sql") && rules.ignores("db/dump.sql") && rules.ignores("schema.sql"));
        assert!(!rules.ignores("db/schema.sql") && !rules.ignores("db/deep/schema.sql"));
    }

    #[test]
    fn nothing_is_brought_back_from_an_ignored_folder() {
        let rules = rules(&[(".gitignore", "backup/\n!backup/keep.sql\n"), ("backup/.gitignore", "!*\n")]);
        assert!(rules.ignores("backup/keep.sql"));
        assert!(!rules.ignores("backup"));
    }

    #[test]
    fn a_rule_of_a_subfolder_protects_that_subfolder_only() {
        let rules = rules(&[(".gitignore", "examples/**/.env\n/build\nlogs/*.log\n")]);
        assert!(rules.ignores("examples/a/.env") && rules.ignores("build/x") && rules.ignores("logs/a.log"));
        assert!(!rules.ignores(".env") && !rules.ignores("a/build") && !rules.ignores("logs/a/b.log"));
    }

    #[test]
    fn without_rules_nothing_is_ignored() {
        assert!(!IgnoreRules::default().ignores(".env"));
    }

    #[test]
    fn a_broken_pattern_is_shown_at_its_line() {
        let error = IgnoreRules::of([("a/.gitignore", "ok\n[z-a]\n")]).unwrap_err();
        assert!(error.to_string().starts_with("a/.gitignore:2:"), "{error}");
    }

    /// What git itself says, for the same files and paths.
    #[test]
    fn git_agrees() {
        let files = [
            (".gitignore", "*.log\n!keep.log\n/dist\n**/cache/\ndoc/*.txt\nfoo/**/bar\n"),
            ("a/.gitignore", "!b.log\nsecret*\n"),
            ("a/cache/.gitignore", "!x\n"),
        ];
        let paths = [
            "x.log",
            "keep.log",
            "a/b.log",
            "a/c.log",
            "a/b.log/x",
            "dist",
            "dist/a",
            "a/dist",
            "a/cache/x",
            "cache",
            "cache/y",
            "doc/a.txt",
            "doc/b/a.txt",
            "foo/bar",
            "foo/1/2/bar",
            "foo/1/bar/q",
            "a/secret1",
            "secret1",
        ];
        let directory = tempfile::tempdir().unwrap();
        let git = |arguments: &[&str]| {
            std::process::Command::new("git")
                .args(["-c", "core.excludesFile="])
                .args(arguments)
                .current_dir(directory.path())
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .env("HOME", directory.path())
                .output()
        };
        if !git(&["init", "-q", "."]).is_ok_and(|output| output.status.success()) {
            // Without git there is nobody to compare with; the tests above hold the semantics.
            return;
        }
        for (path, text) in files {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let rules = rules(&files);
        for path in paths {
            let said = git(&["check-ignore", "-q", "--no-index", path]).unwrap();
            assert_eq!(rules.ignores(path), said.status.code() == Some(0), "{path}");
        }
    }
}
