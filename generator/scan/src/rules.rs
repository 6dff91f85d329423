//! The rules: what is looked for. Read from TOML in the format of gitleaks (its `README.md`, section *Configuration*).

mod file;
mod merge;
mod own;

use std::sync::Arc;

use avouch_model::{
    Digest,
    diagnostic::{Diagnostic, Source},
};

use crate::pattern::{Pattern, Patterns, Reach};

pub use own::own_rule_files;

/// What a scan looks for, compiled as far as it is needed.
#[derive(Debug)]
pub struct Rules {
    pub(crate) rules: Vec<Rule>,
    /// Allow-lists for hits of every rule.
    pub(crate) allowed: Vec<AllowList>,
    /// The patterns of paths that rules and allow-lists name.
    pub(crate) paths: Patterns,
    /// Whether binary key files are told by their structure.
    pub(crate) key_files: bool,
    digest: Digest,
    warnings: Vec<Diagnostic>,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Its id, as a hit names it.
    pub id: String,
    /// What it finds, in a sentence.
    pub description: String,
    /// Labels; see [`Rule::is_notice`].
    pub tags: Vec<String>,
    /// What a hit looks like; a rule without one finds paths.
    pub(crate) pattern: Option<Pattern>,
    /// The path that a file must have, as an index into [`Rules::paths`].
    pub(crate) path: Option<usize>,
    /// The group that holds the value; otherwise the first that took part, otherwise the whole.
    pub(crate) secret_group: Option<usize>,
    /// The value must have more bits a byte than this.
    pub(crate) entropy: Option<f64>,
    /// In lower case; the content must hold one of them.
    pub(crate) keywords: Vec<String>,
    pub(crate) allowed: Vec<AllowList>,
    /// How far around a keyword a match can lie.
    pub(crate) reach: Reach,
    /// One of ours, which is silent about placeholders.
    pub(crate) own: bool,
}

impl Rule {
    /// Whether its hits are only worth knowing, such as a certificate, which is public: tagged `notice`.
    pub fn is_notice(&self) -> bool {
        self.tags.iter().any(|tag| tag == "notice")
    }

    /// Whether it finds by the name of what holds the value, not by the form of the value: tagged `named` or `generic`.
    pub(crate) fn is_by_name(&self) -> bool {
        self.is_generic() || self.tags.iter().any(|tag| tag == "named")
    }

    /// Whether it finds by the name of what holds the value and gives way to a rule that knows its form: tagged `generic`.
    pub(crate) fn is_generic(&self) -> bool {
        self.tags.iter().any(|tag| tag == "generic")
    }
}

/// What is no hit although a rule matched.
#[derive(Debug, Default)]
pub(crate) struct AllowList {
    /// All of what it names must hold, not only one.
    pub(crate) all: bool,
    pub(crate) target: Target,
    pub(crate) patterns: Vec<Pattern>,
    /// Indexes into [`Rules::paths`].
    pub(crate) paths: Vec<usize>,
    pub(crate) commits: Vec<String>,
    /// In lower case.
    pub(crate) stopwords: Vec<String>,
    /// The rules that a list for all is for; none means every rule.
    pub(crate) rules: Vec<String>,
}

/// What the patterns of an allow-list are held against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Target {
    /// The value.
    #[default]
    Secret,
    /// The whole match.
    Match,
    /// The lines that the match lies on.
    Line,
}

/// Which of the rules' patterns of paths a path matches. Contents at two paths of the same profile have the same hits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Profile(Vec<usize>);

impl Profile {
    pub(crate) fn has(&self, path: usize) -> bool {
        self.0.binary_search(&path).is_ok()
    }

    /// A number that is the same for the same profile.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|path| u32::try_from(*path).unwrap_or(u32::MAX).to_be_bytes()).collect()
    }
}

impl Rules {
    /// Our own rules.
    ///
    /// # Errors
    /// What is wrong with them; never, as a test shows.
    pub fn own() -> Result<Self, Vec<Diagnostic>> {
        own::rules()
    }

    /// The rules of a file. What it extends by `path` is read through `other`, which is given the path as it is written.
    ///
    /// # Errors
    /// Every mistake in its place.
    pub fn load(
        source: &Arc<Source>,
        other: &mut dyn FnMut(&str) -> Result<Arc<Source>, String>,
    ) -> Result<Self, Vec<Diagnostic>> {
        merge::load(source, other)
    }

    /// Every rule, in order.
    pub fn all(&self) -> &[Rule] {
        &self.rules
    }

    /// The digest of everything that decides what is found, except for the program itself.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// What is odd about the file and did not stop it from being read.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The profile of a path with forward slashes.
    pub fn profile(&self, path: &str) -> Profile {
        let mut matching = self.paths.matching(path);
        matching.sort_unstable();
        Profile(matching)
    }

    /// Whether a content at a path of this profile is left out whatever it holds: an allow-list for every rule names the path, or
    /// no rule is for it.
    pub fn leave_out(&self, profile: &Profile) -> bool {
        let named = |list: &AllowList| {
            let alone = list.patterns.is_empty() && list.stopwords.is_empty() && list.commits.is_empty();
            (alone || !list.all) && list.paths.iter().any(|path| profile.has(*path))
        };
        let is_for = |rule: &Rule| {
            let lists = || rule.allowed.iter().chain(self.allowed.iter().filter(|list| list.rules.contains(&rule.id)));
            rule.path.is_none_or(|path| profile.has(path)) && !lists().any(named)
        };
        self.allowed.iter().any(|list| list.rules.is_empty() && named(list)) || !self.rules.iter().any(is_for)
    }

    /// Compiles every pattern now, so that one that is too large is found before anything is scanned.
    ///
    /// # Errors
    /// The rule and what is wrong with it.
    pub fn compile(&self) -> Result<(), String> {
        for rule in &self.rules {
            let own = rule.allowed.iter().flat_map(|list| &list.patterns);
            for pattern in rule.pattern.iter().chain(own) {
                pattern.regex().map_err(|what| format!("the pattern of the rule `{}` cannot be used: {what}", rule.id))?;
            }
        }
        for pattern in self.allowed.iter().flat_map(|list| &list.patterns) {
            pattern.regex().map_err(|what| format!("a pattern of an allow-list cannot be used: {what}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod examples;
#[cfg(test)]
mod tests;
